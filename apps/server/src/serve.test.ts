import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openDatabase } from '@switchyard/journal';
import { expect, it } from 'vitest';
import { createTestDatabase } from '../../../test/harness/database.ts';
import { callModel } from './outbound/model-http.ts';
import { serve } from './serve.ts';
import { systemClock } from './system.ts';

it('answers the very first requests, sent in the moment it listens, and they find the project seeded', async () => {
  const test = await createTestDatabase();
  const database = await openDatabase({ url: test.url, applicationName: 'serve test', secretKey: Buffer.alloc(32, 7) });
  const http = createServer();
  const first = (method: string, path: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      http.once('listening', () => {
        const { port } = http.address() as AddressInfo;
        request({ host: '127.0.0.1', port, method, path, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .once('error', reject)
          .end();
      });
    });
  const health = first('GET', '/health');
  const hook = first('HEAD', '/hooks/demo-triage');
  const serving = await serve({
    database,
    http,
    host: '127.0.0.1',
    port: 0,
    publicUrl: null,
    demoHosts: [],
    fastPath: true,
    data: '/nowhere',
    editor: '/nowhere',
    version: '0.0.0',
    clock: systemClock,
    callModel,
    warn: () => {},
  });
  expect(await health).toBe(200);
  expect(await hook).not.toBe(404);
  await serving.stop();
  await database.close();
  await test.drop();
});
