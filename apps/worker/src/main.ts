import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { armCrashPoint, openDatabase, openMetrics, traced } from '@switchyard/journal';
import {
  createModelHttp,
  createOutbound,
  createSandbox,
  modelsOf,
  openDispatch,
  startWorker,
  systemClock,
  systemRandom,
} from '@switchyard/runtime';
import { z } from 'zod';
import { type Config, readConfig } from './config.ts';
import { answerHealth } from './health.ts';

/** One JSON line on stderr: for people and for log collectors. */
const warn = (message: string): void => {
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), level: 'warn', part: 'worker', message })}\n`);
};

/** The build this process is of, from the package beside `src` or `dist`. */
const build = (): string =>
  z.object({ version: z.string() }).parse(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')))
    .version;

/** Wires a worker and runs it until SIGTERM or SIGINT. */
async function main(config: Config): Promise<void> {
  if (config.crash !== undefined) armCrashPoint(config.crash);
  const clock = systemClock;
  const metrics = config.metrics ? openMetrics() : null;
  const plain = await openDatabase({
    url: config.databaseUrl,
    applicationName: 'switchyard worker',
    warn,
    ...(config.secretKey ? { secretKey: config.secretKey } : {}),
  });
  const counted = metrics?.watch(plain) ?? plain;
  const database =
    config.traces === undefined
      ? counted
      : traced(counted, { endpoint: config.traces, service: 'switchyard worker', warn });
  const { catalog } = database;
  const dispatch = await openDispatch({
    database,
    clock,
    warn,
    ...(config.redisUrl === undefined ? {} : { redisUrl: config.redisUrl }),
  });
  const outbound = createOutbound({ allow: config.allow });
  const modelHttp = createModelHttp();
  const sandbox = createSandbox();
  const worker = await startWorker({
    database,
    dispatch,
    clock,
    concurrency: config.concurrency,
    fastPath: config.fastPath,
    build: build(),
    ...(metrics ? { onWritten: metrics.steps } : {}),
    warn,
    ports: {
      clock,
      random: systemRandom,
      http: outbound,
      sandbox,
      models: modelsOf({ connections: catalog.connections, http: modelHttp.http, clock }),
      documents: catalog.documents,
      credentials: catalog.credentials,
    },
  });
  const health = createServer(answerHealth(() => worker.health(), metrics));
  if (config.health !== null) health.listen(config.health.port, config.health.host);
  const stop = async (): Promise<void> => {
    await worker.stop();
    health.close();
    health.closeAllConnections();
    await Promise.allSettled([dispatch.close(), sandbox.close(), outbound.close(), modelHttp.close()]);
    await database.close();
  };
  stopOnSignals(stop);
  process.stdout.write(
    `${JSON.stringify({ ready: 'worker', pid: process.pid, worker: worker.id(), queue: config.redisUrl === undefined ? 'postgres' : 'redis' })}\n`,
  );
}

/** The first signal ends the worker in order, the second at once. */
function stopOnSignals(stop: () => Promise<void>): void {
  let stopping = false;
  const onSignal = (): void => {
    if (stopping) process.exit(1);
    stopping = true;
    stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

function fail(error: unknown): never {
  warn(error instanceof Error ? error.message : String(error));
  process.exit(1);
}

try {
  await main(readConfig(process.env));
} catch (error) {
  fail(error);
}
