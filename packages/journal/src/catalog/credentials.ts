import type { Json } from '@switchyard/pipeline';
import type { PrismaClient } from '../generated/client.ts';
import type { Credentials } from './contract.ts';
import type { Seal } from './seal.ts';

/** Named secrets of one project. The seal is bound to the name, so that no value answers to another. */
export function createCredentials(options: {
  readonly prisma: PrismaClient;
  readonly projectId: string;
  readonly seal: Seal;
}): Credentials {
  const { prisma, projectId, seal } = options;
  const placeOf = (name: string): string => `credential:${projectId}:${name}`;
  return {
    list: async () => {
      const rows = await prisma.credential.findMany({
        where: { projectId },
        orderBy: { name: 'asc' },
        select: { id: true, name: true, createdAt: true },
      });
      return rows.map(({ id, name, createdAt }) => ({ id, name, createdAt: createdAt.toISOString() }));
    },
    set: async (name, value) => {
      const valueSealed = seal.close(placeOf(name), JSON.stringify(value));
      await prisma.credential.upsert({
        where: { projectId_name: { projectId, name } },
        create: { projectId, name, valueSealed },
        update: { valueSealed },
      });
    },
    get: async (name) => {
      const row = await prisma.credential.findUnique({ where: { projectId_name: { projectId, name } } });
      return row === null ? null : (JSON.parse(seal.open(placeOf(name), row.valueSealed)) as Json);
    },
    remove: async (name) => (await prisma.credential.deleteMany({ where: { projectId, name } })).count === 1,
  };
}
