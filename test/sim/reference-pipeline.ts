import { type PipelineDocument, parseDocument } from '@switchyard/pipeline';

/*
 * The reference run: sections of ten steps, each with a step with an effect that may be repeated (code), pure steps, a branch
 * with a dead arm, a join, a fan-out of three, a request that fails first and is tried again, a request that must not be
 * repeated, and an agent that calls tools turn after turn.
 */

/** How the reference run is made. */
export type Reference = {
  readonly sections: number;
  /** Turns with tool calls of each agent. */
  readonly turns: number;
  /** Calls in one turn; they run side by side. */
  readonly calls: number;
};

/** Where the world of a simulation is. */
export const ORIGIN = 'https://world.example';

type NodeJson = { readonly id: string; readonly type: string; readonly [field: string]: unknown };
type EdgeJson = readonly [from: string, port: string, to: string];

const where = (id: string): string => `${ORIGIN}/{{ run.id }}/${id}`;
const RETRY = { attempts: 4, backoffSeconds: 0.2 };

function section(
  i: number,
  before: string,
  { turns, calls }: Reference,
): {
  readonly nodes: readonly NodeJson[];
  readonly edges: readonly EdgeJson[];
} {
  const [code, sum, branch, even, odd] = [`c${i}`, `t${i}`, `b${i}`, `g${i}`, `x${i}`];
  const [join, flaky, post, agent, end] = [`j${i}`, `f${i}`, `p${i}`, `a${i}`, `k${i}`];
  const nodes: readonly NodeJson[] = [
    { id: code, type: 'code', config: { code: 'return input', input: `{{ run.id }}/${code}` }, retry: RETRY },
    { id: sum, type: 'transform', config: { expression: `steps.${code}.output.size + ${i}` } },
    { id: branch, type: 'branch', config: { cases: [{ port: 'even', when: `steps.${sum}.output % 2 == 0` }] } },
    { id: even, type: 'http', config: { url: where(even) } },
    { id: odd, type: 'transform', config: { expression: `${i}` } },
    { id: join, type: 'transform', config: { expression: `"joined ${i}"` } },
    { id: flaky, type: 'http', config: { url: `${where(flaky)}?fails=${1 + (i % 2)}` }, retry: RETRY },
    { id: post, type: 'http', config: { method: 'POST', url: where(post), body: { i } }, onError: 'continue' },
    {
      id: agent,
      type: 'agent',
      config: { prompt: `{{ run.id }}/${agent} ${turns} ${calls}`, tools: ['http_fetch', 'run_code'], maxTurns: 100 },
      retry: RETRY,
    },
    { id: end, type: 'transform', config: { expression: `{"section": ${i}, "text": steps.${agent}.output.text}` } },
  ];
  const edges: readonly EdgeJson[] = [
    [before, 'out', code],
    [code, 'out', sum],
    [sum, 'out', branch],
    [branch, 'even', even],
    [branch, 'else', odd],
    [even, 'out', join],
    [odd, 'out', join],
    ...[flaky, post, agent].map((id): EdgeJson => [join, 'out', id]),
    ...[flaky, post, agent].map((id): EdgeJson => [id, 'out', end]),
  ];
  return { nodes, edges };
}

/** The document of the reference run. */
export function referencePipeline(reference: Reference): PipelineDocument {
  const nodes: NodeJson[] = [{ id: 'start', type: 'trigger.manual' }];
  const edges: EdgeJson[] = [];
  for (let i = 0; i < reference.sections; i++) {
    const made = section(i, i === 0 ? 'start' : `k${i - 1}`, reference);
    nodes.push(...made.nodes);
    edges.push(...made.edges);
  }
  const parsed = parseDocument({
    format: 1,
    nodes,
    edges: edges.map(([from, port, to], i) => ({
      id: `e${i}`,
      from: { node: from, port },
      to: { node: to, port: 'in' },
    })),
    notes: [],
  });
  if (!parsed.ok) throw new Error(`the reference pipeline is not sound: ${JSON.stringify(parsed.problems)}`);
  return parsed.document;
}
