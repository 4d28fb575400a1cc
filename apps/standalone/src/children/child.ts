import { type ChildProcess, spawn } from 'node:child_process';
import { isAlive, sendSignal } from '../process-table.ts';
import type { System } from '../system.ts';
import type { LogFile } from './log-file.ts';

/*
 * A process that is kept running.
 *
 *   starting ──health──▶ healthy ──exit──▶ waiting (back-off) ──▶ starting
 *      └────────exit──────────────────────▲
 *   any ──stop──▶ stopped (final)
 *
 * A healthy child that no longer answers its health check for 30 s is killed, which counts as an exit.
 */

const BACKOFF_MS = { first: 250, most: 10_000 } as const;
/** A child that lived this long begins with the first back-off again. */
const STEADY_MS = 30_000;
const HEALTH_MS = 5_000;
/** Asked again soon while it starts: a connection taken before the child was up may never be answered. */
const FIRST_HEALTH_MS = 300;
const HEALTH_EVERY_MS = 5_000;
const HEALTH_FAILURES = 6;
const STOP_PATIENCE_MS = 25_000;

/** What to run and how to know that it works. */
export type ChildPlan = {
  readonly name: string;
  /** Arguments of node. */
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly directory: string;
  readonly log: LogFile;
  /** Answers within `ms` whether the child does its work, for those that listen. */
  readonly health?: (ms: number) => Promise<boolean>;
  /** The line by which one that does not listen says that it works. */
  readonly readyLine?: RegExp;
};

/** A supervised child. */
export type Child = {
  readonly name: string;
  /** Resolves true when it is healthy for the first time, false when it ended before. */
  readonly ready: Promise<boolean>;
  /** SIGTERM, after 25 s SIGKILL; resolves when it is gone. `hard`: SIGKILL at once. */
  readonly stop: (how?: 'clean' | 'hard') => Promise<void>;
};

/** Starts a child and keeps it running until `stop`. `tell` hears of every death. */
export function superviseChild(plan: ChildPlan, system: System, tell: (line: string) => void): Child {
  let current: ChildProcess | null = null;
  let stopping = false;
  let settleReady: (healthy: boolean) => void = () => {};
  const ready = new Promise<boolean>((resolve) => {
    settleReady = resolve;
  });

  const keep = async (): Promise<void> => {
    let backoff: number = BACKOFF_MS.first;
    while (!stopping) {
      const began = system.elapsed();
      const child = start(plan, () => settleReady(true));
      current = child;
      const ended = untilExit(child);
      void watchHealth({ plan, system, child, healthy: () => settleReady(true), tell });
      const how = await ended;
      settleReady(false);
      if (stopping) break;
      if (system.elapsed() - began > STEADY_MS) backoff = BACKOFF_MS.first;
      tell(`${plan.name} ended (${how}), starting again in ${backoff / 1000} s; its log: ${plan.log.path}`);
      plan.log.write(`ended (${how})`);
      await system.sleep(backoff);
      backoff = Math.min(backoff * 2, BACKOFF_MS.most);
    }
  };
  const kept = keep();
  return {
    name: plan.name,
    ready,
    stop: async (how = 'clean') => {
      stopping = true;
      if (current === null || !running(current)) return; // between two lives; `keep` sees the flag
      await end(current, how, system);
      await kept;
    },
  };
}

/** In a process group of its own: Ctrl-C must reach it through us alone, and a hard stop must reach its children too. */
function start(plan: ChildPlan, ready: () => void): ChildProcess {
  const child = spawn(process.execPath, [...plan.args], {
    cwd: plan.directory,
    env: plan.environment,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  });
  const listen = (line: string): void => {
    if (plan.readyLine?.test(line)) ready();
  };
  if (child.stdout) plan.log.take(child.stdout, listen);
  if (child.stderr) plan.log.take(child.stderr);
  return child;
}

const running = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;

function untilExit(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`));
  });
}

type Watch = {
  readonly plan: ChildPlan;
  readonly system: System;
  readonly child: ChildProcess;
  readonly healthy: () => void;
  readonly tell: (line: string) => void;
};

async function watchHealth({ plan, system, child, healthy, tell }: Watch): Promise<void> {
  if (plan.health === undefined) return;
  while (running(child) && !(await plan.health(FIRST_HEALTH_MS))) await system.sleep(25);
  if (!running(child)) return;
  healthy();
  let failures = 0;
  while (running(child)) {
    await system.sleep(HEALTH_EVERY_MS);
    failures = (await plan.health(HEALTH_MS)) ? 0 : failures + 1;
    if (failures < HEALTH_FAILURES || !running(child)) continue;
    tell(`${plan.name} does not answer any more, killing it`);
    killGroup(child);
    return;
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid !== undefined && isAlive(child.pid)) sendSignal(-child.pid, 'SIGKILL');
}

async function end(child: ChildProcess, how: 'clean' | 'hard', system: System): Promise<void> {
  const ended = untilExit(child);
  if (how === 'hard') killGroup(child);
  else child.kill('SIGTERM');
  const late = system.sleep(STOP_PATIENCE_MS).then(() => killGroup(child));
  await Promise.race([ended, late.then(() => ended)]);
}
