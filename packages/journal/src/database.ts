import type { Pool } from 'pg';
import { createBell, parseDue } from './bell.ts';
import { createCatalog } from './catalog/catalog.ts';
import { LOCAL_PROJECT } from './catalog/contract.ts';
import { openConnector } from './connection.ts';
import { createControl } from './control.ts';
import type { Database, DatabaseOptions } from './database-contract.ts';
import { createFollower } from './follower.ts';
import { createJournal } from './journal.ts';
import { createListener } from './listener.ts';
import { prune } from './retention.ts';
import { createSender } from './send.ts';
import { realSystem } from './system.ts';
import { registerWorker } from './worker-session.ts';

const CONNECTIONS = 10;
/** How long a call is sent again while the database does not answer. */
const PATIENCE_MS = 30_000;

/**
 * Opens a migrated database, waiting up to half a minute for one that is starting. Works as the role `switchyard_app` where the
 * login may, else with the login's own rights (and says so by `warn`). Throws `database_unavailable`, `not_migrated`.
 * Duty: `close` before the process ends; bells not yet rung are then rung.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { url, applicationName, projectId = LOCAL_PROJECT, announceDue = false, warn = () => {} } = options;
  const system = realSystem;
  const connector = await openConnector({ url, applicationName, system, warn, patienceMs: PATIENCE_MS });
  const pool = connector.pool(options.maxConnections ?? CONNECTIONS);
  const sender = createSender(pool, system, PATIENCE_MS);
  const bell = createBell({ connector, system, announceDue });
  const listener = createListener(connector, system);
  const follower = createFollower({ sender, listener, system });
  const catalog = createCatalog({ pool, sender, bell, projectId, secretKey: options.secretKey });
  const queuePools = new Set<Pool>();
  return {
    journal: createJournal({ sender, bell }),
    control: createControl({ sender, bell }),
    follower,
    catalog,
    registerWorker: ({ build }) => registerWorker({ connector, system, bell, build, warn }),
    queuePool: () => {
      const queuePool = connector.ownerPool(['search_path=bullmq']);
      queuePools.add(queuePool);
      return queuePool;
    },
    onDue: (tell) => listener.subscribe({ due: (payload) => tell(parseDue(payload)) }),
    prune: () => prune(sender),
    close: async () => {
      follower.close();
      await bell.close();
      await listener.close();
      await catalog.close();
      for (const queuePool of queuePools) if (!queuePool.ending) await queuePool.end();
      await pool.end();
    },
  };
}
