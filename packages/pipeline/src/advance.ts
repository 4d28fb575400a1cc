import { z } from 'zod';
import type { Node } from './document.ts';
import type { EventBody, Failure, Json, NewEvent, RunEvent, StoredValue } from './event.ts';
import { ExpressionError } from './expression/error.ts';
import type { Scope } from './expression/scope.ts';
import { emptyRun, foldRun, type RunState } from './fold.ts';
import type { Graph } from './graph.ts';
import { type Decision, type End, type Opening, plan } from './plan.ts';
import { nodeType } from './registry.ts';
import { scopeOf } from './run-scope.ts';

/** The state as it will be when these events are written next: numbered on from its `seq`, all at the time `at`. */
export function foldNew(state: RunState, events: readonly NewEvent[], at: string): RunState {
  const numbered = events.map((event, i): RunEvent => ({ ...event, seq: state.seq + 1 + i, at }));
  return foldRun(state, numbered);
}

const skipEvent = (stepKey: string): NewEvent => ({ stepKey, kind: 'step.skipped', data: {} });

/** The first transaction of a run, but for its ids: fits the journal's `startRun`. */
export type Start = {
  readonly started: Extract<EventBody, { kind: 'run.started' }>;
  /** Skips of steps that no edge from this trigger can reach; they follow `run.started`. */
  readonly events: readonly NewEvent[];
  readonly open: readonly Opening[];
  /** Set when nothing follows the trigger. */
  readonly end: End | null;
};

/**
 * What starting a run writes: `run.started`, skips of what this trigger cannot reach, and the steps to open. Throws
 * when the trigger is not a trigger of this graph.
 */
export function planStart(graph: Graph, started: Extract<EventBody, { kind: 'run.started' }>): Start {
  const trigger = started.data.trigger.node;
  if (!graph.triggers.includes(trigger)) throw new Error(`"${trigger}" is not a trigger of this pipeline`);
  const state = foldNew(emptyRun(), [{ ...started, stepKey: null }], '');
  const { skip, open, end } = plan(graph, state);
  return { started, events: skip.map(skipEvent), open, end };
}

/** What a pure step gives: its output and ports, or why it has none. Other types throw. */
export function evaluatePure(
  node: Node,
  scope: Scope,
): { readonly output: Json; readonly ports: readonly string[] } | { readonly failure: Failure } {
  const evaluate = nodeType(node.type)?.evaluate;
  if (evaluate === undefined) throw new Error(`"${node.type}" is not a pure node type`);
  try {
    return evaluate(node.config, scope);
  } catch (error) {
    return { failure: failureOf(node, error) };
  }
}

/** Expression and config errors as failures of a step; anything else is a bug and goes on up. */
export function failureOf(node: Pick<Node, 'id'>, error: unknown): Failure {
  if (error instanceof ExpressionError)
    return {
      code: error.code,
      message: error.message,
      node: node.id,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    };
  if (error instanceof z.ZodError) {
    const [issue] = error.issues;
    return {
      code: 'config_invalid',
      message: `${issue?.path.join('.') ?? 'config'}: ${issue?.message ?? 'does not fit'}`,
      node: node.id,
    };
  }
  throw error;
}

/** How values are read and written while pure steps ride along; `at` is only shown until the journal gives its time. */
export type Riding = {
  readonly load: (value: StoredValue) => Json;
  readonly store: (value: Json) => StoredValue;
  readonly worker: number;
  readonly at: string;
  /** Whether this pure step may be evaluated now, for instance because the blobs it needs are loaded. Default: all. */
  readonly may?: (opening: Opening) => boolean;
};

/** What follows a settled step, with its chain of pure steps already done. `events` come after the caller's own. */
export type Advance = Pick<Decision, 'end' | 'stop'> & {
  readonly events: readonly NewEvent[];
  /** Steps to open that were not evaluated here. */
  readonly open: readonly Opening[];
  readonly state: RunState;
};

/**
 * Plans on from the keys just settled in `state` and evaluates pure steps as they become ready, until only other steps
 * are ready or the run ends. The events are those that separate steps would have written. A failed pure step follows
 * its `onError`; its `retry` is not consulted, since it would fail the same way.
 */
export function advance(graph: Graph, state: RunState, settled: readonly string[], riding: Riding): Advance {
  const events: NewEvent[] = [];
  const open: Opening[] = [];
  let at = state;
  let decision = plan(graph, at, settled);
  for (;;) {
    const pure = decision.end === null ? decision.open.filter((one) => rides(graph, one, riding)) : [];
    open.push(...decision.open.filter((one) => !pure.includes(one)));
    const skips = decision.skip.map(skipEvent);
    at = foldNew(at, skips, riding.at);
    events.push(...skips);
    if (pure.length === 0)
      return {
        events,
        open: decision.end === null ? open : [],
        end: decision.end,
        stop: stopped(decision, open),
        state: at,
      };
    const ran = pure.flatMap((one) => pureEvents(graph, at, one, riding));
    at = foldNew(at, ran, riding.at);
    events.push(...ran);
    decision = plan(
      graph,
      at,
      pure.map((one) => one.key),
    );
  }
}

function rides(graph: Graph, opening: Opening, riding: Riding): boolean {
  const node = graph.nodes.get(opening.node)?.node;
  return node !== undefined && nodeType(node.type)?.pure === true && (riding.may?.(opening) ?? true);
}

/** Steps named ready in this very advance have no row yet: there is nothing of them to stop. */
function stopped(decision: Decision, open: readonly Opening[]): readonly string[] {
  return decision.stop.filter((key) => !open.some((one) => one.key === key));
}

function pureEvents(graph: Graph, state: RunState, opening: Opening, riding: Riding): readonly NewEvent[] {
  const node = graph.nodes.get(opening.node)?.node;
  if (node === undefined) return [];
  const stepKey = opening.key;
  const started: NewEvent = { stepKey, kind: 'step.started', data: { attempt: 1, crashes: 0, worker: riding.worker } };
  const result = evaluatePure(node, scopeOf(graph, state, node, riding.load));
  if ('failure' in result)
    return [
      started,
      {
        stepKey,
        kind: 'step.failed',
        data: { failure: result.failure, ...(node.onError === 'fail' ? {} : { continues: true }) },
      },
    ];
  return [
    started,
    { stepKey, kind: 'step.succeeded', data: { output: riding.store(result.output), ports: [...result.ports] } },
  ];
}
