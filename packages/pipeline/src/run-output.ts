import type { Json, StoredValue } from './event.ts';
import type { RunState, StepState } from './fold.ts';
import { type Graph, leavingEdges } from './graph.ts';
import { iterationOfPrefix, nodeOfStep } from './step-key.ts';

/**
 * The output of a run: a stored value of one of its steps, or the outputs of several by node id, which the writer of
 * `run.succeeded` makes into one value with `runOutputValue`.
 */
export type RunOutput = StoredValue | { readonly leaves: Readonly<Record<string, StoredValue>> } | null;

/**
 * The output of a run whose steps have all settled: that of the last `respond` that ran, else of the leaf steps (those
 * after which nothing ran): one leaf's own, several by node id, null when nothing ran. With the prefix of an iteration: the
 * output of that, by the same rule. What runs inside a loop is not the run's output; the loop's is.
 */
export function runOutput(graph: Graph, state: RunState, prefix = ''): RunOutput {
  const loop = iterationOfPrefix(prefix)?.loop;
  const nodes = loop === undefined ? graph.order : (graph.bodies.get(nodeOfStep(loop)) ?? []);
  const ran = nodes
    .map((id) => state.steps.get(prefix + id))
    .filter((step) => step !== undefined)
    .filter((step) => step.state === 'succeeded');
  const responses = ran.filter((step) => graph.nodes.get(step.node)?.node.type === 'respond');
  const last = responses.reduce<StepState | null>(
    (latest, step) => (latest === null || step.settledSeq > latest.settledSeq ? step : latest),
    null,
  );
  if (last !== null) return last.output;
  const leaves = ran.filter((step) => isLeaf(graph, step)).sort((a, b) => a.settledSeq - b.settledSeq);
  const [first] = leaves;
  if (first === undefined) return null;
  if (leaves.length === 1) return first.output;
  return { leaves: Object.fromEntries(leaves.map((step) => [step.node, step.output ?? { inline: null }])) };
}

function isLeaf(graph: Graph, step: StepState): boolean {
  const at = graph.nodes.get(step.node);
  const outgoing = at === undefined ? [] : leavingEdges(graph.nodes, at);
  return outgoing.every((edge) => !step.ports.includes(edge.from.port));
}

/** The JSON of a run's output, with `load` for stored values. */
export function runOutputValue(output: RunOutput, load: (value: StoredValue) => Json): Json {
  if (output === null) return null;
  if (!('leaves' in output)) return load(output);
  return Object.fromEntries(Object.entries(output.leaves).map(([id, value]) => [id, load(value)]));
}
