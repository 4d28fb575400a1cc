import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PEERS = join(dirname(fileURLToPath(import.meta.url)), 'peers');

/** Installs what the benches measure beside us, once. Throws when it cannot: a peer that was not measured fails its bench. */
export function installPeers(): void {
  if (existsSync(join(PEERS, 'node_modules', '.package-lock.json'))) return;
  process.stderr.write('installing the peers …\n');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: PEERS, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error('the peers could not be installed');
}

/** A peer in a process of its own that answers lines with JSON lines. */
export interface Peer {
  /** One question, one answer. */
  ask<T>(line: string): Promise<T>;
  /** Ends the process. */
  stop(): void;
}

/** Starts `peers/NAME.mjs`; resolves with its first line. */
export async function startPeer<Hello>(name: string, args: readonly string[]): Promise<Peer & { hello: Hello }> {
  installPeers();
  const child = spawn(process.execPath, [join(PEERS, `${name}.mjs`), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async <T>(): Promise<T> => {
    const { value, done } = await answers.next();
    if (done) throw new Error(`${name} ended with ${await codeOf(child)}`);
    return JSON.parse(value) as T;
  };
  const hello = await next<Hello>();
  return {
    hello,
    ask: (line) => {
      child.stdin.write(`${line}\n`);
      return next();
    },
    stop: () => void child.kill(),
  };
}

const codeOf = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(child.exitCode)));
