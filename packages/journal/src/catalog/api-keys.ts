import { randomBytes } from 'node:crypto';
import type { PrismaClient } from '../generated/client.ts';
import type { ApiTokenModel } from '../generated/models.ts';
import { tokenHash } from './content-hash.ts';
import type { ApiKeyRow, ApiKeys } from './contract.ts';

const PREFIX = 'sy_';
const SHOWN = 8; // characters of a key that lists show

const rowOf = ({ id, projectId, name, prefix, createdAt }: ApiTokenModel): ApiKeyRow => ({
  id,
  projectId,
  name,
  prefix,
  createdAt: createdAt.toISOString(),
});

/** API keys of one project: 32 random bytes, of which only the sha-256 is kept (no salt needed: they cannot be guessed). */
export function createApiKeys(prisma: PrismaClient, projectId: string): ApiKeys {
  return {
    create: async (name) => {
      const key = `${PREFIX}${randomBytes(32).toString('base64url')}`;
      const row = await prisma.apiToken.create({
        data: { projectId, name, prefix: key.slice(0, SHOWN), keySha: tokenHash(key) },
      });
      return { row: rowOf(row), key };
    },
    verify: async (key) => {
      if (!key.startsWith(PREFIX)) return null;
      const row = await prisma.apiToken.findUnique({ where: { keySha: tokenHash(key) } });
      return row === null || row.projectId !== projectId ? null : rowOf(row);
    },
    list: async () => (await prisma.apiToken.findMany({ where: { projectId }, orderBy: { id: 'asc' } })).map(rowOf),
    remove: async (id) => (await prisma.apiToken.deleteMany({ where: { id, projectId } })).count === 1,
  };
}
