import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Workshop } from './workshop.ts';

/** A worker as its own process, so that it can die. */
export type WorkerProcess = {
  /** Its id in the journal. */
  readonly worker: number;
  /** As a power cut would. */
  kill(): void;
  /** SIGTERM; the exit code. */
  terminate(): Promise<number | null>;
};

const MAIN = fileURLToPath(new URL('../../apps/worker/src/main.ts', import.meta.url));
const Ready = z.object({ ready: z.literal('worker'), worker: z.number() });

/** Starts the worker app from its sources on the workshop's database and queue, and waits until it is ready. */
export async function startWorkerProcess(
  shop: Workshop,
  given: { readonly allowOrigin: string; readonly crash?: string },
): Promise<WorkerProcess> {
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), MAIN], {
    env: {
      PATH: process.env.PATH ?? '',
      DATABASE_URL: shop.test.url,
      SWITCHYARD_ALLOW_ORIGINS: given.allowOrigin,
      SWITCHYARD_SECRET_KEY: Buffer.alloc(32, 7).toString('hex'), // as the workshop's
      ...(given.crash === undefined ? {} : { SWITCHYARD_CRASH: given.crash }),
      ...(shop.redisUrl === undefined ? {} : { REDIS_URL: shop.redisUrl }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: string[] = [];
  child.stderr.on('data', (bytes: Buffer) => said.push(bytes.toString()));
  const exited = once(child, 'exit');
  const first = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), exited.then(() => null)]);
  if (first === null) throw new Error(`the worker did not start: ${said.join('')}`);
  const { worker } = Ready.parse(JSON.parse(String(first[0])));
  return {
    worker,
    kill: () => void child.kill('SIGKILL'),
    terminate: async () => {
      child.kill('SIGTERM');
      await exited;
      return child.exitCode;
    },
  };
}
