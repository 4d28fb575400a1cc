import { openDatabase } from '@switchyard/journal';
import {
  type AllowedPlace,
  createModelHttp,
  createOutbound,
  createSandbox,
  modelsOf,
  openDispatch,
  startWorker,
  systemClock,
  systemRandom,
} from '@switchyard/runtime';

/** A real worker of this process on somebody's database, with the queue in that database. Duty: call the answer to end it. */
export async function startWorkerOn(url: string, allow: readonly AllowedPlace[] = []): Promise<() => Promise<void>> {
  const database = await openDatabase({ url, applicationName: 'test worker', secretKey: Buffer.alloc(32, 7) });
  const warn = (): void => {};
  const dispatch = await openDispatch({ database, clock: systemClock, warn });
  const outbound = createOutbound({ allow });
  const models = createModelHttp();
  const sandbox = createSandbox();
  const worker = await startWorker({
    database,
    dispatch,
    clock: systemClock,
    concurrency: 8,
    fastPath: true,
    build: 'test',
    warn,
    ports: {
      clock: systemClock,
      random: systemRandom,
      http: outbound,
      sandbox,
      models: modelsOf({ connections: database.catalog.connections, http: models.http, clock: systemClock }),
      documents: database.catalog.documents,
      credentials: database.catalog.credentials,
    },
  });
  return async () => {
    await worker.stop();
    await Promise.allSettled([dispatch.close(), sandbox.close(), outbound.close(), models.close()]);
    await database.close();
  };
}
