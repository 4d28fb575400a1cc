import { JournalError } from '@switchyard/journal';
import { readConfig } from './config.ts';
import { StartFailure } from './failure.ts';
import { type Product, startProduct, stopAll } from './start.ts';
import { realSystem } from './system.ts';

/*
 * `npm start`: the whole product on this machine. One line on stdout, the URL; progress on stderr. SIGINT or SIGTERM stops it
 * (exit 0), a second one stops it hard (exit 1).
 */

/** Under npm a Ctrl-C arrives twice, from the terminal and from npm: what comes this soon is the same one. */
const SAME_SIGNAL_MS = 1_000;
/** How long a stop waits for a start that is under way. */
const START_PATIENCE_MS = 10_000;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

function explain(error: unknown): string {
  if (!(error instanceof StartFailure || error instanceof JournalError)) {
    return `unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
  return `${error.code}: ${error.message}${error.hint === undefined ? '' : `\n  → ${error.hint}`}`;
}

function fail(error: unknown): never {
  say(explain(error));
  process.exit(1);
}

async function main(): Promise<void> {
  const undo: Parameters<typeof stopAll>[0] = [];
  let stoppingSince: number | null = null;
  let started: Promise<Product> | null = null;
  const onSignal = (): void => {
    if (stoppingSince === null) {
      stoppingSince = realSystem.elapsed();
      say('stopping');
      // parts that come up while others are stopped would be left behind, so a start under way ends first
      Promise.race([started, realSystem.sleep(START_PATIENCE_MS)])
        .catch(() => {})
        .then(() => stopAll(undo, 'clean'))
        .then(() => process.exit(0), fail);
    } else if (realSystem.elapsed() - stoppingSince > SAME_SIGNAL_MS) {
      say('stopping hard');
      stopAll(undo, 'hard').finally(() => process.exit(1));
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', onSignal);

  const start = { config: readConfig(process.env), environment: process.env, system: realSystem, tell: say };
  started = startProduct(start, undo);
  const { url } = await started;
  if (stoppingSince === null) process.stdout.write(`Switchyard is ready at ${url}\n`);
}

main().catch(fail);
