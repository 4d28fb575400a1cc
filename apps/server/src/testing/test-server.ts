import { createServer, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { type Database, type DatabaseOptions, openDatabase } from '@switchyard/journal';
import type { PipelineDocument } from '@switchyard/pipeline';
import { createTestDatabase, type TestDatabase } from '../../../../test/harness/database.ts';
import { callModel } from '../outbound/model-http.ts';
import { type Serving, serve } from '../serve.ts';
import { systemClock } from '../system.ts';

/** A whole answer. `json` is null when the body is none. */
export type Answer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: ReturnType<typeof JSON.parse>;
};

/** What a request carries besides method and path. An object body is sent as JSON. */
export type Sent = { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> };

/** A server on a database of its own, reached over real HTTP on a free port. */
export type TestServer = {
  readonly port: number;
  readonly database: Database;
  readonly test: TestDatabase;
  readonly serving: Serving;
  readonly warnings: string[];
  /** Sends the path as it stands, with no tidying by a client. */
  readonly ask: (method: string, path: string, sent?: Sent) => Promise<Answer>;
  /** Opens a stream; the caller destroys it. */
  readonly open: (path: string, headers?: Readonly<Record<string, string>>) => Promise<IncomingMessage>;
  /** Creates and publishes a pipeline over the API; its id. */
  readonly publish: (name: string, document: Partial<PipelineDocument>) => Promise<string>;
  readonly close: () => Promise<void>;
};

/** Starts one. Duty: `close` it; that fails when a connection is left. */
export async function startTestServer(options: Partial<DatabaseOptions> = {}): Promise<TestServer> {
  const test = await createTestDatabase();
  const secretKey = Buffer.alloc(32, 7);
  const database = await openDatabase({
    url: test.url,
    applicationName: 'server test',
    announceDue: true,
    secretKey,
    ...options,
  });
  const warnings: string[] = [];
  const http = createServer();
  const serving = await serve({
    database,
    http,
    host: '127.0.0.1',
    port: 0,
    publicUrl: null,
    demoHosts: ['proxy.test:81'],
    fastPath: true,
    secretKey,
    data: '/nowhere',
    editor: fileURLToPath(new URL('./editor', import.meta.url)),
    version: '0.0.0',
    clock: systemClock,
    callModel,
    warn: (message) => warnings.push(message),
  });
  const port = Number(new URL(serving.url).port);
  const ask: TestServer['ask'] = (method, path, sent) => send({ port, method, path, sent });
  return {
    port,
    database,
    test,
    serving,
    warnings,
    ask,
    open: (path, headers = {}) => opened({ port, path, headers }),
    publish: async (name, document) => {
      const made = await ask('POST', '/api/pipelines', { body: { name, document } });
      if (made.status !== 201) throw new Error(made.text);
      const published = await ask('POST', `/api/pipelines/${made.json.id}/publish`, { headers: { 'if-match': '"1"' } });
      if (published.status !== 200) throw new Error(published.text);
      return made.json.id;
    },
    close: async () => {
      await serving.stop();
      await database.close();
      await test.drop();
    },
  };
}

type Order = { readonly port: number; readonly method: string; readonly path: string; readonly sent: Sent | undefined };

function send({ port, method, path, sent = {} }: Order): Promise<Answer> {
  const raw = Buffer.isBuffer(sent.body) || typeof sent.body === 'string';
  const body = sent.body === undefined ? undefined : raw ? sent.body : JSON.stringify(sent.body);
  const headers = {
    ...(sent.body === undefined || raw ? {} : { 'content-type': 'application/json' }),
    ...sent.headers,
  };
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parsed(text) });
      });
    });
    asked.once('error', reject);
    asked.end(body);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

type Opened = { readonly port: number; readonly path: string; readonly headers: Readonly<Record<string, string>> };

function opened({ port, path, headers }: Opened): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, headers, agent: false }, resolve).once('error', reject).end();
  });
}
