import { crashPoint } from '@switchyard/journal';
import { Json, type Node, resolveNodeConfig } from '@switchyard/pipeline';
import { z } from 'zod';
import type { Calls, NodeOutcome, NodePorts, NodeWait, StepJournal } from './contract.ts';
import { asStepError, LeaseLost, type StepEnd, TerminalError, TimedOutError, WorkerLostError } from './errors.ts';
import type { Holding } from './held-steps.ts';
import { nodeRun } from './nodes/registry.ts';
import { scopeFor } from './pure-step.ts';
import { survivesCrash } from './retry.ts';
import type { CachedRun } from './run-cache.ts';
import type { ValueReader } from './values.ts';

/** A step in this process's hands, ready to run. */
export type HeldTask = {
  readonly run: CachedRun;
  readonly node: Node;
  readonly holding: Holding;
  readonly journal: StepJournal;
  readonly attempt: number;
  readonly crashes: number;
  /** Milliseconds the node may still take in this attempt, its waits counted; null where it sets no limit. */
  readonly msLeft: () => number | null;
  /** What this attempt has waited for. Throws `TimedOutError` when the node's time passed meanwhile. */
  readonly waited: () => Promise<NodeWait | null>;
};

/** What running a node needs of the worker. */
export type RunParts = {
  readonly ports: NodePorts;
  readonly values: ValueReader;
  readonly calls: Calls;
  /** False when nothing was heard of the journal for so long that another worker may have what this one holds. */
  readonly holdsLeases: () => boolean;
};

/** How a node's work ended. */
export type NodeEnd = { readonly outcome: NodeOutcome } | { readonly error: StepEnd };

const Config = z.record(z.string(), Json);

/** Runs the node to its end or until the step is aborted; never throws. What a node does after an abort is thrown away. */
export async function runNode(task: HeldTask, parts: RunParts): Promise<NodeEnd> {
  const { signal } = task.holding.abort;
  const over = new AbortController();
  try {
    signal.throwIfAborted();
    return { outcome: await Promise.race([work(task, parts, over.signal), aborted(signal, over.signal)]) };
  } catch (error) {
    return { error: asStepError(signal.aborted ? signal.reason : error) };
  } finally {
    over.abort();
  }
}

async function work(task: HeldTask, parts: RunParts, over: AbortSignal): Promise<NodeOutcome> {
  const { node, run, holding, attempt, crashes } = task;
  const { state } = run;
  const { values, calls } = parts;
  const ports = heldPorts(parts, holding);
  const wait = await task.waited();
  limitTime(task, ports, over);
  if (!survivesCrash(node, crashes)) {
    throw new WorkerLostError(
      'worker_lost',
      `${crashes} worker${crashes === 1 ? '' : 's'} died with this step in hand.`,
      {
        hint: 'Look at what the step does to the process; the node’s retry policy says whether to go on after a lost worker.',
      },
    );
  }
  const perform = nodeRun(node.type);
  if (!perform) throw new TerminalError('unknown_node_type', `This version has no node type “${node.type}”.`);
  const scope = await scopeFor({ graph: run.graph, state, stepKey: holding.stepKey, node }, values);
  const scene = { runId: run.runId, kinds: [node.type], seq: state.seq };
  const config = Config.parse(resolveNodeConfig(node, scope));
  if (node.type !== 'agent') crashPoint('tool.before-effect', scene);
  const outcome = await perform({
    config,
    rawConfig: node.config,
    scope,
    signal: holding.abort.signal,
    attempt,
    crashes,
    timeoutMs: node.timeoutSeconds === undefined ? null : node.timeoutSeconds * 1_000,
    runId: run.runId,
    stepKey: holding.stepKey,
    node: node.id,
    ports,
    journal: task.journal,
    wait,
    paused: () => holding.paused || run.state.paused,
    calls,
  });
  if (node.type !== 'agent') crashPoint('tool.after-effect', scene);
  return outcome;
}

/** The ways out into the world, each open only while the step is surely ours. */
function heldPorts({ ports, holdsLeases }: RunParts, { abort }: Holding): NodePorts {
  const { http, sandbox } = ports;
  const held = (): void => {
    abort.signal.throwIfAborted();
    if (holdsLeases()) return;
    abort.abort(new LeaseLost('The journal has not answered for long; another worker may have the step.'));
    abort.signal.throwIfAborted();
  };
  const whenHeld =
    <Args extends readonly unknown[], Answer>(act: (...args: Args) => Promise<Answer>) =>
    async (...args: Args): Promise<Answer> => {
      held();
      return act(...args);
    };
  return {
    ...ports,
    http: {
      send: whenHeld((request) => http.send(request)),
      resolve: whenHeld((host, port) => http.resolve(host, port)),
      close: () => http.close(),
    },
    sandbox: {
      runScript: whenHeld((code, options) => sandbox.runScript(code, options)),
      runFunction: whenHeld((code, input, options) => sandbox.runFunction(code, input, options)),
      close: () => sandbox.close(),
    },
  };
}

function limitTime({ node, holding, msLeft }: HeldTask, { clock }: NodePorts, over: AbortSignal): void {
  const seconds = node.timeoutSeconds;
  const left = msLeft();
  if (seconds === undefined || left === null) return;
  clock.sleep(left, over).then(
    () => holding.abort.abort(new TimedOutError(seconds)),
    () => {}, // the step was done in time
  );
}

function aborted(signal: AbortSignal, over: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: over }),
  );
}
