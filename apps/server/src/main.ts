import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { armCrashPoint, openDatabase, openMetrics, traced } from '@switchyard/journal';
import { z } from 'zod';
import { type Config, readConfig } from './config.ts';
import { callModel } from './outbound/model-http.ts';
import { serve } from './serve.ts';
import { systemClock } from './system.ts';

/** One JSON line on stderr: for people and for log collectors. */
const warn = (message: string): void => {
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), level: 'warn', part: 'server', message })}\n`);
};

/** The version of this build, from the package beside `src` or `dist`. */
const version = (): string =>
  z.object({ version: z.string() }).parse(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')))
    .version;

/** Wires the server and runs it until SIGTERM or SIGINT. */
async function main(config: Config): Promise<void> {
  if (config.crash !== undefined) armCrashPoint(config.crash);
  const metrics = config.metrics ? openMetrics() : null;
  const plain = await openDatabase({
    url: config.databaseUrl,
    applicationName: 'switchyard server',
    announceDue: true,
    warn,
    ...(config.secretKey ? { secretKey: config.secretKey } : {}),
  });
  const counted = metrics?.watch(plain) ?? plain;
  const database =
    config.traces === undefined
      ? counted
      : traced(counted, { endpoint: config.traces, service: 'switchyard server', warn });
  const serving = await serve({
    ...config,
    metrics,
    database,
    http: createServer(),
    editor: fileURLToPath(new URL('../../editor/dist', import.meta.url)),
    version: version(),
    clock: systemClock,
    callModel,
    warn,
  });
  stopOnSignals(async () => {
    await serving.stop();
    await database.close();
  });
  process.stdout.write(`${JSON.stringify({ ready: 'server', pid: process.pid, url: serving.url })}\n`);
}

/** The first signal ends the server in order, the second at once. */
function stopOnSignals(stop: () => Promise<void>): void {
  let stopping = false;
  const onSignal = (): void => {
    if (stopping) process.exit(1);
    stopping = true;
    stop().then(() => process.exit(0), fail);
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
