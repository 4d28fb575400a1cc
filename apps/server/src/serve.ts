import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { RequestListener, Server } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { Database, Metrics } from '@switchyard/journal';
import { watchAlarms } from './alarms/watch.ts';
import { createApp } from './app.ts';
import { linksOf } from './approvals/links.ts';
import { pagesOf } from './demo/pages.ts';
import { createDeliveryLog } from './hooks/delivery-log.ts';
import { createHookBook } from './hooks/hook-book.ts';
import type { CallModel } from './outbound/model-http.ts';
import { type Sample, seedProject } from './ready/seed.ts';
import { startRetention } from './retention/sweep.ts';
import { ROUTES } from './route-table.ts';
import { startTicking } from './schedule/tick.ts';
import type { Services } from './services.ts';
import { starterOn } from './start-run.ts';
import type { Clock } from './system.ts';

/** What a running server is made of; the database stays the caller's to close. */
export type ServeParts = {
  readonly database: Database;
  /** Not yet listening, without a request handler. */
  readonly http: Server;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly publicUrl: URL | null;
  readonly demoHosts: readonly string[];
  /** Pure steps ride in the transaction that starts their run. */
  readonly fastPath: boolean;
  /** Key of the installation; absent: there are no links to approve or resume by. */
  readonly secretKey?: Buffer | undefined;
  /** Folder that keeps `api-key`. */
  readonly data: string;
  /** Folder of the built editor. */
  readonly editor: string;
  readonly version: string;
  readonly clock: Clock;
  readonly callModel: CallModel;
  /** Absent or null: nothing is counted. */
  readonly metrics?: Metrics | null;
  readonly warn: (message: string) => void;
};

/** A server that answers. `stop` lets requests under way end, sends waiting callers to their status URL, and ends streams. */
export type Serving = { readonly url: string; readonly services: Services; readonly stop: () => Promise<void> };

const STOP_PATIENCE_MS = 5_000;

/** Listens, seeds a fresh project, and starts the ticks. Rejects with `address in use` in words. */
export async function serve(parts: ServeParts): Promise<Serving> {
  const { http, host, database, clock, warn } = parts;
  const port = await listen(http, host, parts.port);
  const baseUrl = parts.publicUrl === null ? `http://${named(host)}:${port}` : parts.publicUrl.href.replace(/\/+$/, '');
  const stopping = new AbortController();
  const services: Services = {
    database,
    starter: starterOn(database, clock, parts.fastPath),
    clock,
    hooks: { book: createHookBook(database, clock), log: createDeliveryLog(database, clock, warn) },
    callModel: parts.callModel,
    metrics: parts.metrics ?? null,
    links: linksOf(parts.secretKey ?? null, baseUrl),
    version: parts.version,
    baseUrl,
    stopping: stopping.signal,
    localKey: () => localKey(database, parts.data),
    warn,
  };
  const addresses = { host, port, publicUrl: parts.publicUrl, demoHosts: parts.demoHosts };
  const app = createApp({ routes: ROUTES, services, addresses, editor: parts.editor, requestId: newRequestId });
  // Requests that come before a fresh project has its pipelines wait for them: none is lost, and none finds an empty house.
  const seeded = seedProject(database.catalog, sampleOn(port, baseUrl));
  const early: RequestListener = (request, response) =>
    void seeded.then(
      () => app(request, response),
      () => response.destroy(),
    );
  http.on('request', early);
  await seeded;
  http.off('request', early).on('request', app);
  const stopTicking = startTicking(services);
  const stopWatching = watchAlarms(services);
  const stopRetention = startRetention(services);
  return {
    url: baseUrl,
    services,
    stop: async () => {
      stopping.abort();
      await Promise.all([stopTicking(), stopWatching(), stopRetention()]);
      await close(http, clock);
      await services.hooks.log.close();
    },
  };
}

/** Resolves before any request is read; the caller adds the handler, which must know the port, before it waits for anything. */
function listen(http: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      const told = `${host}:${port} is in use by another program: stop it, or set SWITCHYARD_PORT to a free port`;
      reject(taken ? new Error(told, { cause: error }) : error);
    });
    http.listen(port, host, () => resolve(portOf(http.address())));
  });
}

const portOf = (address: AddressInfo | string | null): number =>
  address === null || typeof address === 'string' ? 0 : address.port;

/** A host as a browser on this machine can use it. */
function named(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return isIPv6(host) ? `[${host}]` : host;
}

/** A short chain of this server's own pages. */
function sampleOn(port: number, baseUrl: string): Sample {
  const { page, thing } = pagesOf(port).start(3, 1);
  return { start: `${baseUrl}/demo/${page.word}/${page.number}`, thing };
}

const newRequestId = (): string => randomBytes(8).toString('hex');

async function localKey(database: Database, data: string): Promise<string | null> {
  const key = await readFile(join(data, 'api-key'), 'utf8').then(
    (text) => text.trim(),
    () => null,
  );
  return key !== null && (await database.catalog.apiKeys.verify(key)) !== null ? key : null;
}

function close(http: Server, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.later(STOP_PATIENCE_MS, () => http.closeAllConnections());
    http.close(() => {
      cancel();
      resolve();
    });
    http.closeIdleConnections();
  });
}
