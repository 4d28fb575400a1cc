import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, expect, it } from 'vitest';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
});

function start(environment: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, ['--import', tsx, main], {
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  return child;
}

async function firstText(child: ChildProcess, stream: 'stdout' | 'stderr'): Promise<string> {
  const [chunk] = await once(child[stream] ?? child, 'data');
  return String(chunk);
}

it('says where it listens in one JSON line, serves, and ends on SIGTERM', async () => {
  const child = start({ SWITCHYARD_ENGINE_PORT: '0', SWITCHYARD_ENGINE_KEY: 'some-test-key' });
  const line: { event: string; url: string; model: string } = JSON.parse(await firstText(child, 'stdout'));
  expect(line).toMatchObject({ event: 'listening', model: 'pocket' });
  expect((await fetch(`${line.url}/health`)).status).toBe(200);
  child.kill('SIGTERM');
  expect((await once(child, 'exit'))[0]).toBe(0);
}, 30_000);

it.each([
  ['a missing key', {}, 'SWITCHYARD_ENGINE_KEY'],
  [
    'a missing model',
    { SWITCHYARD_ENGINE_KEY: 'some-test-key', SWITCHYARD_MODEL: '/nonexistent' },
    'config.json cannot be read',
  ],
])(
  'refuses to start with %s, and says why',
  async (_, environment, message) => {
    const child = start(environment);
    const [text, [code]] = await Promise.all([firstText(child, 'stderr'), once(child, 'exit')]);
    expect(text).toContain(message);
    expect(code).toBe(1);
  },
  30_000,
);
