import type { BlobContent } from '@switchyard/journal';
import { packJson } from '@switchyard/journal';
import {
  evaluatePure,
  type Failure,
  type Graph,
  type Json,
  type NewEvent,
  type Node,
  type RunState,
  resolveNodeConfig,
  type Scope,
  type StoredValue,
  scopeOf,
  valuesNeeded,
} from '@switchyard/pipeline';
import { z } from 'zod';
import type { ValueReader } from './values.ts';

/*
 * Steps that are functions of their config and what they see: evaluated where they stand, they write their start and their
 * end at once. A loop writes its start and its items, and ends when its iterations have.
 */

/** A pure step and the state it is evaluated in. */
export type PureStep = {
  readonly graph: Graph;
  readonly state: RunState;
  readonly stepKey: string;
  readonly node: Node;
};

/** What a pure step writes. `begins`: it is a loop, and its iterations come next; else it has settled. */
export type PureEvents = {
  readonly events: readonly NewEvent[];
  readonly blob: BlobContent | null;
  readonly begins: boolean;
};

/** Items a loop may have: each is at least two rows of the journal. */
const MAX_ITEMS = 1_000_000;

/** What a step's config sees in this state. */
export async function scopeFor(
  { graph, state, stepKey, node }: PureStep,
  values: Pick<ValueReader, 'json'>,
): Promise<Scope> {
  const place = { node, key: stepKey };
  const loaded = new Map<string, Json>();
  for (const value of valuesNeeded(graph, state, place))
    if ('blob' in value) loaded.set(value.blob.sha256, await values.json(value));
  return scopeOf(graph, state, place, (value) => fromLoaded(value, loaded));
}

/** A value inline, or out of those loaded before. */
export function fromLoaded(value: StoredValue, loaded: ReadonlyMap<string, Json>): Json {
  return 'inline' in value ? value.inline : (loaded.get(value.blob.sha256) ?? null);
}

/** The first event of a step under its first claim. */
export const startedEvent = (stepKey: string, worker: number): NewEvent => ({
  stepKey,
  kind: 'step.started',
  data: { attempt: 1, crashes: 0, worker },
});

/** The end of a step that failed, by its node's policy. */
export function failedEvent(stepKey: string, node: Pick<Node, 'onError'>, failure: Failure): NewEvent {
  const continues = node.onError === 'fail' ? {} : { continues: true };
  return { stepKey, kind: 'step.failed', data: { failure, ...continues } };
}

/** The events a pure step writes: its start and its end, whatever that is. Its output may be a blob. */
export async function pureEvents(
  step: PureStep,
  by: { readonly values: ValueReader; readonly worker: number },
): Promise<PureEvents> {
  const { stepKey, node } = step;
  const started = startedEvent(stepKey, by.worker);
  const scope = await scopeFor(step, by.values);
  const result = evaluatePure(node, scope);
  if ('failure' in result)
    return { events: [started, failedEvent(stepKey, node, result.failure)], blob: null, begins: false };
  if (node.type === 'loop') return loopEvents(step, resolveNodeConfig(node, scope), by);
  const { stored, blob } = packJson(result.output);
  if (blob) by.values.remember(blob);
  const succeeded: NewEvent = { stepKey, kind: 'step.succeeded', data: { output: stored, ports: [...result.ports] } };
  return { events: [started, succeeded], blob, begins: false };
}

const LoopConfig = z.object({
  items: z.json(),
  concurrency: z.number(),
  onItemError: z.enum(['fail', 'continue']),
});

function loopEvents(
  { stepKey, node }: PureStep,
  given: unknown,
  by: { readonly values: ValueReader; readonly worker: number },
): PureEvents {
  const { items, concurrency, onItemError } = LoopConfig.parse(given);
  const started = startedEvent(stepKey, by.worker);
  const failure = itemsFailure(items, node);
  if (failure !== null || !Array.isArray(items))
    return { events: [started, failedEvent(stepKey, node, failure ?? NOT_A_LIST)], blob: null, begins: false };
  const { stored, blob } = packJson(items);
  if (blob) by.values.remember(blob);
  const data = { items: stored, count: items.length, concurrency, onItemError };
  return { events: [started, { stepKey, kind: 'loop.started', data }], blob, begins: true };
}

const NOT_A_LIST: Failure = {
  code: 'items_not_a_list',
  message: 'The items of the loop are not a list.',
  hint: 'A template that is exactly one {{ … }} gives a list as it is.',
};

function itemsFailure(items: Json, node: Pick<Node, 'id'>): Failure | null {
  if (!Array.isArray(items)) return { ...NOT_A_LIST, node: node.id };
  if (items.length <= MAX_ITEMS) return null;
  return {
    code: 'too_many_items',
    message: `A loop may have ${MAX_ITEMS} items; this one has ${items.length}.`,
    node: node.id,
    hint: 'Call another pipeline for each part of the list.',
  };
}
