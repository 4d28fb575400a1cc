import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrate } from '@switchyard/journal';
import { type Child, type ChildPlan, superviseChild } from './children/child.ts';
import { planEngine, planHouse, reachable } from './children/plans.ts';
import type { Environment, StandaloneConfig } from './config.ts';
import { lockDataFolder } from './data-lock.ts';
import { StartFailure } from './failure.ts';
import { prepareInstallation } from './first-start.ts';
import { choosePort } from './ports.ts';
import { keepClusterUp, startCluster } from './postgres/index.ts';
import { makeEngineKey, readOrMakeSecretKey } from './secrets.ts';
import type { System } from './system.ts';

const DATABASE = 'switchyard';
/** A child that is not healthy by then is reported, not waited for: it may still come. */
const READY_PATIENCE_MS = 60_000;

/** The product, running. */
export type Product = {
  readonly url: string;
  /** Children first, then PostgreSQL, then the lock. `hard` cuts a stop under way short. */
  readonly stop: (how?: 'clean' | 'hard') => Promise<void>;
};

/** What `startProduct` needs from its main. `tell` gets one line of progress each. */
export type Start = {
  readonly config: StandaloneConfig;
  readonly environment: Environment;
  readonly system: System;
  readonly tell: (line: string) => void;
};

type Undo = (how: 'clean' | 'hard') => Promise<void> | void;

/**
 * Starts everything and answers when the server, the engine and the worker are ready. What was started before a failure is
 * stopped again. `undo` collects, for the caller too, what a stop during the start must end.
 * Throws StartFailure, or JournalError of the migrations.
 */
export async function startProduct(start: Start, undo: Undo[] = []): Promise<Product> {
  try {
    const url = await startParts(start, undo);
    return { url, stop: (how = 'clean') => stopAll(undo, how) };
  } catch (error) {
    await stopAll(undo, 'clean');
    throw error;
  }
}

/** Undoes in reverse order; each part once, so a second call with `hard` meets only what is left. */
export async function stopAll(undo: Undo[], how: 'clean' | 'hard'): Promise<void> {
  for (const one of [...undo].reverse()) await one(how);
  undo.length = 0;
}

async function startParts({ config, environment, system, tell }: Start, undo: Undo[]): Promise<string> {
  requireBuild(config.root);
  undo.push(lockDataFolder(config.data));
  const secretKey = config.secretKey ?? readOrMakeSecretKey(config.data);
  const engineKey = config.engineKey ?? makeEngineKey();
  const enginePort = await choosePort({ ...config.enginePort, variable: 'SWITCHYARD_ENGINE_PORT', host: '127.0.0.1' }, [
    config.port.port,
  ]);
  const port = await choosePort({ ...config.port, variable: 'SWITCHYARD_PORT', host: config.host }, [enginePort]);

  const setting = { config, environment, system };
  const children: Child[] = [];
  const run = (plan: ChildPlan): void => void children.push(superviseChild(plan, system, tell));
  const stopChildren: Undo = async (how) => {
    await Promise.all(children.map((child) => child.stop(how)));
  };
  run(planEngine(setting, { enginePort, engineKey })); // reads its weights while the database starts
  undo.push(stopChildren);
  const embedded = { directory: join(config.data, 'postgres'), system, tell, undo };
  const databaseUrl = config.databaseUrl ?? (await startEmbedded(embedded));
  undo.push(stopChildren); // again: undone in reverse order, children end before their database
  const { applied } = await migrate(databaseUrl, { directory: join(config.root, 'prisma', 'migrations') });
  if (applied.length > 0) tell(`database: ${applied.length} migration(s) applied`);

  const model = config.model === undefined ? {} : { model: config.model };
  const engine = { url: `http://127.0.0.1:${enginePort}`, key: engineKey, ...model };
  // worker and server look connections and keys up when they need them; the URL is told when all of it is there
  for (const plan of planHouse(setting, { databaseUrl, secretKey, port, enginePort, engineKey })) run(plan);
  await prepareInstallation({ databaseUrl, secretKey, data: config.data, engine }, tell);
  await untilAllReady(children, system, tell);
  const local = `http://${reachable(config.host)}:${port}`;
  writeFileSync(join(config.data, 'url'), `${local}\n`); // for the command line
  return config.publicUrl ?? local;
}

function requireBuild(root: string): void {
  const missing = ['engine', 'apps/worker', 'apps/server'].filter(
    (part) => !existsSync(join(root, part, 'dist/main.js')),
  );
  if (missing.length === 0) return;
  throw new StartFailure(
    'child_failed',
    `not built: ${missing.join(', ')}`,
    'run `npm run build`, or start with `npm start`, which builds',
  );
}

type Embedded = {
  readonly directory: string;
  readonly system: System;
  readonly tell: (line: string) => void;
  readonly undo: Undo[];
};

async function startEmbedded({ directory, system, tell, undo }: Embedded): Promise<string> {
  if (!existsSync(join(directory, 'data'))) tell('PostgreSQL: creating the data folder');
  const cluster = await startCluster({ directory, system, database: DATABASE });
  const keeper = keepClusterUp(cluster, system, tell);
  undo.push(async (how) => {
    await keeper.stop();
    await cluster.stop(how);
  });
  tell(`PostgreSQL: ${cluster.adopted ? 'adopted one that was left running' : 'up'} on 127.0.0.1:${cluster.port}`);
  const url = cluster.url(DATABASE);
  writeFileSync(join(directory, 'url'), `${url}\n`, { mode: 0o600 }); // for psql, backups and the command line
  return url;
}

/** The server must answer; without engine or worker the product is still of use and says what is missing. */
async function untilAllReady(children: readonly Child[], system: System, tell: (line: string) => void): Promise<void> {
  const late = system.sleep(READY_PATIENCE_MS).then(() => false);
  for (const child of children) {
    if (await Promise.race([child.ready, late])) continue;
    const line = `${child.name} is not ready`;
    if (child.name === 'server')
      throw new StartFailure('child_failed', line, 'its log, in the folder logs of the data, says why');
    tell(line);
  }
}
