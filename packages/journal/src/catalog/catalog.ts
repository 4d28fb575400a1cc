import { PrismaPg } from '@prisma/adapter-pg';
import type { Pool } from 'pg';
import type { Bell } from '../bell.ts';
import { PrismaClient } from '../generated/client.ts';
import type { Sender } from '../send.ts';
import { createApiKeys } from './api-keys.ts';
import { createConnections } from './connections.ts';
import { type Catalog, LOCAL_USER } from './contract.ts';
import { createCredentials } from './credentials.ts';
import { createDocuments } from './documents.ts';
import { createPipelines } from './pipelines.ts';
import { createRevisions } from './revisions.ts';
import { createRuns } from './runs.ts';
import { createSchedules } from './schedules.ts';
import { createSeal } from './seal.ts';
import { createWebhooks } from './webhooks.ts';

/** The catalogue of one project: Prisma Client on the journal's own pool. `close` ends Prisma, not the pool. */
export function createCatalog(options: {
  readonly pool: Pool;
  readonly sender: Sender;
  readonly bell: Bell;
  readonly projectId: string;
  readonly secretKey: Buffer | undefined;
}): Catalog & { readonly close: () => Promise<void> } {
  const { pool, sender, bell, projectId } = options;
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
  const seal = createSeal(options.secretKey);
  const revisions = createRevisions(prisma, projectId);
  return {
    projectId,
    pipelines: createPipelines(prisma, projectId, revisions.forget),
    revisions,
    runs: createRuns(prisma, projectId),
    webhooks: createWebhooks(prisma, sender, projectId),
    schedules: createSchedules({ sender, bell, projectId }),
    connections: createConnections({ prisma, projectId, seal }),
    documents: createDocuments(prisma, projectId),
    apiKeys: createApiKeys(prisma, projectId),
    credentials: createCredentials({ prisma, projectId, seal }),
    session: async () => {
      const [project, user] = await Promise.all([
        prisma.project.findUniqueOrThrow({ where: { id: projectId } }),
        prisma.user.findUniqueOrThrow({ where: { id: LOCAL_USER } }),
      ]);
      return { project: { id: project.id, name: project.name }, user: { id: user.id, name: user.name } };
    },
    close: () => prisma.$disconnect(),
  };
}
