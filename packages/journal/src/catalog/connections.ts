import { randomUUID } from 'node:crypto';
import { JournalError } from '../errors.ts';
import type { PrismaClient } from '../generated/client.ts';
import type { ModelConnectionModel } from '../generated/models.ts';
import type { ConnectionInput, ConnectionRow, Connections, OpenConnection } from './contract.ts';
import { isTaken } from './rows.ts';
import type { Seal } from './seal.ts';

const placeOf = (id: string): string => `model_connection:${id}`;

const rowOf = (row: ModelConnectionModel): ConnectionRow => ({
  id: row.id,
  projectId: row.projectId,
  name: row.name,
  baseUrl: row.baseUrl,
  model: row.model,
  dialect: row.dialect as ConnectionRow['dialect'],
  price:
    row.pricePrompt === null || row.priceCompletion === null
      ? null
      : { prompt: row.pricePrompt, completion: row.priceCompletion },
  hasKey: row.keySealed !== null,
  isDefault: row.isDefault,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});

/** Columns of what a person sets; what is absent stays. */
const columnsOf = ({ name, baseUrl, model, dialect, price }: Partial<ConnectionInput>) => ({
  ...(name === undefined ? {} : { name }),
  ...(baseUrl === undefined ? {} : { baseUrl }),
  ...(model === undefined ? {} : { model }),
  ...(dialect === undefined ? {} : { dialect }),
  ...(price === undefined ? {} : { pricePrompt: price?.prompt ?? null, priceCompletion: price?.completion ?? null }),
});

async function nameFree<Answer>(name: string | undefined, write: () => Promise<Answer>): Promise<Answer> {
  try {
    return await write();
  } catch (error) {
    if (!isTaken(error)) throw error;
    throw new JournalError('name_taken', `a connection named '${name ?? ''}' exists`, { cause: error });
  }
}

/** Model connections of one project. */
export function createConnections(options: {
  readonly prisma: PrismaClient;
  readonly projectId: string;
  readonly seal: Seal;
}): Connections {
  const { prisma, projectId, seal } = options;
  const sealed = (id: string, key: string | null | undefined) => {
    if (key === undefined) return {};
    return { keySealed: key === null ? null : seal.close(placeOf(id), key) };
  };
  const open = (row: ModelConnectionModel | null): OpenConnection | null => {
    if (row === null) return null;
    return { ...rowOf(row), apiKey: row.keySealed === null ? null : seal.open(placeOf(row.id), row.keySealed) };
  };
  return {
    list: async () =>
      (await prisma.modelConnection.findMany({ where: { projectId }, orderBy: { createdAt: 'asc' } })).map(rowOf),
    get: async (id) => open(await prisma.modelConnection.findFirst({ where: { id, projectId } })),
    byName: async (name) => open(await prisma.modelConnection.findFirst({ where: { name, projectId } })),
    default: async () => open(await prisma.modelConnection.findFirst({ where: { isDefault: true, projectId } })),
    create: (input) =>
      nameFree(input.name, async () => {
        const id = randomUUID(); // known before the row, because the seal is bound to it
        const isDefault = (await prisma.modelConnection.count({ where: { projectId, isDefault: true } })) === 0;
        const { name, baseUrl, model, dialect } = input;
        const data = {
          ...columnsOf(input),
          id,
          projectId,
          isDefault,
          name,
          baseUrl,
          model,
          dialect,
          ...sealed(id, input.apiKey),
        };
        return rowOf(await prisma.modelConnection.create({ data }));
      }),
    update: (id, change) =>
      nameFree(change.name, async () => {
        const data = { ...columnsOf(change), ...sealed(id, change.apiKey) };
        const [row] = await prisma.modelConnection.updateManyAndReturn({ where: { id, projectId }, data });
        return row === undefined ? null : rowOf(row);
      }),
    remove: async (id) => (await prisma.modelConnection.deleteMany({ where: { id, projectId } })).count === 1,
    // one statement, so that there is never none and never two
    markDefault: async (id) => {
      const marked =
        await prisma.$executeRaw`update model_connection set is_default = (id = ${id}::uuid) where project_id = ${projectId}::uuid
        and exists (select from model_connection where id = ${id}::uuid and project_id = ${projectId}::uuid)`;
      return marked > 0;
    },
  };
}
