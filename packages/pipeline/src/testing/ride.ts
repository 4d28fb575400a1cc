import { evaluatePure } from '../evaluate-pure.ts';
import type { Json, NewEvent, StoredValue } from '../event.ts';
import { foldNew, type RunState } from '../fold.ts';
import type { Opening } from '../frontier.ts';
import type { Graph } from '../graph.ts';
import { type Decision, plan } from '../plan.ts';
import { nodeType } from '../registry.ts';
import { scopeOf } from '../run-scope.ts';
import { step } from './graphs.ts';

/** What riding gave: the events in order, what is left to open, and how the run ends. */
export type Ridden = Pick<Decision, 'end' | 'open'> & {
  readonly events: readonly NewEvent[];
  readonly state: RunState;
};

/** The JSON of a stored value; blobs are told apart by their hash. */
export const load = (value: StoredValue): Json => ('inline' in value ? value.inline : `blob ${value.blob.sha256}`);

/** A worker in small: plans on from `settled`, does ready pure steps at once, stops where work begins or the run ends. */
export function ride(graph: Graph, state: RunState, settled: readonly string[]): Ridden {
  const events: NewEvent[] = [];
  const open: Opening[] = [];
  let at = state;
  const write = (written: readonly NewEvent[]) => {
    at = foldNew(at, written, '2026-11-25T00:00:00.000Z');
    events.push(...written);
  };
  let decision = plan(graph, at, settled);
  for (;;) {
    write(decision.skip.map(step.skipped));
    const ready = decision.end === null ? decision.open : [];
    const pure = ready.filter((one) => nodeType(graph.nodes.get(one.node)?.node.type ?? '')?.pure === true);
    open.push(...ready.filter((one) => !pure.includes(one)));
    if (pure.length === 0) return { events, open: decision.end === null ? open : [], end: decision.end, state: at };
    write(pure.flatMap((one) => pureEvents(graph, at, one)));
    decision = plan(
      graph,
      at,
      pure.map((one) => one.key),
    );
  }
}

function pureEvents(graph: Graph, state: RunState, { key, node: id }: Opening): readonly NewEvent[] {
  const at = graph.nodes.get(id);
  if (at === undefined) return [];
  const result = evaluatePure(at.node, scopeOf(graph, state, { node: at.node, key }, load));
  if ('failure' in result) return [step.started(key), { stepKey: key, kind: 'step.failed', data: result }];
  const data = { output: { inline: result.output }, ports: [...result.ports] };
  return [step.started(key), { stepKey: key, kind: 'step.succeeded', data }];
}
