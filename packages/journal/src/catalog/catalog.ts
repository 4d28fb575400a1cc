import { PrismaPg } from '@prisma/adapter-pg';
import type { Pool } from 'pg';
import type { Bell } from '../bell.ts';
import { classify } from '../errors.ts';
import { PrismaClient } from '../generated/client.ts';
import type { Sender, Statement } from '../send.ts';
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
import { createWaits } from './waits.ts';
import { createWebhooks } from './webhooks.ts';

const TIMEZONE: Statement = { name: 'user_timezone', text: 'update "user" set timezone = $1 where id = $2' };

/** Every method of a part, with its errors classified: one edge for Prisma and pg alike. */
function classified<Part extends object>(part: Part): Part {
  return new Proxy(part, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return async (...values: readonly unknown[]): Promise<unknown> => {
        try {
          return await Reflect.apply(method, target, values);
        } catch (error) {
          throw classify(error);
        }
      };
    },
  });
}

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
    pipelines: classified(createPipelines(prisma, projectId, revisions.forget)),
    revisions: classified(revisions),
    runs: classified(createRuns(prisma, projectId)),
    waits: classified(createWaits(sender, projectId)),
    webhooks: classified(createWebhooks(sender, projectId)),
    schedules: classified(createSchedules({ sender, bell, projectId })),
    connections: classified(createConnections({ prisma, projectId, seal })),
    documents: classified(createDocuments(prisma, projectId)),
    apiKeys: classified(createApiKeys(prisma, projectId)),
    credentials: classified(createCredentials({ prisma, projectId, seal })),
    session: async () => {
      const [project, user] = await Promise.all([
        prisma.project.findUniqueOrThrow({ where: { id: projectId } }),
        prisma.user.findUniqueOrThrow({ where: { id: LOCAL_USER } }),
      ]);
      return {
        project: { id: project.id, name: project.name },
        user: { id: user.id, name: user.name, timezone: user.timezone },
      };
    },
    setTimezone: async (timezone) => {
      await sender.send(TIMEZONE, [timezone, LOCAL_USER]);
    },
    close: () => prisma.$disconnect(),
  };
}
