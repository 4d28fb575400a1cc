import { type PipelineDocument, parseDocument } from '@switchyard/pipeline';

/*
 * The reference run, put together from sections. Each begins with a step with an effect that may be repeated (code) and ends in a
 * pure step that waits for all of it; in each an agent calls tools turn after turn.
 */

/**
 * What a section is made of:
 * plain  a branch with a dead arm, a join, a fan-out of three: a request that fails first and is tried again, a request that must
 *        not be repeated, the agent
 * loop   a loop over four items, two at once, whose body is a request and code, beside the agent
 * wait   an approval, then a request (one at a time in all runs), a wait and a POST that meet in a join of all
 * race   two branches of which the first to arrive goes on and the other is stopped
 * call   another pipeline is called and waited for
 */
export type SectionKind = 'plain' | 'loop' | 'wait' | 'race' | 'call';

/** How the reference run is made. */
export type Reference = {
  readonly sections: readonly SectionKind[];
  /** Turns with tool calls of each agent. */
  readonly turns: number;
  /** Calls in one turn; they run side by side. */
  readonly calls: number;
};

/** Where the world of a simulation is. */
export const ORIGIN = 'https://world.example';

type NodeJson = { readonly id: string; readonly type: string; readonly [field: string]: unknown };
type EdgeJson = readonly [from: string, port: string, to: string];
type Section = { readonly nodes: readonly NodeJson[]; readonly edges: readonly EdgeJson[] };

const RETRY = { attempts: 4, backoffSeconds: 0.2 };

/** A request that says which step makes it. */
const request = (id: string, more: Readonly<Record<string, unknown>> = {}, query = ''): NodeJson => ({
  id,
  type: 'http',
  config: { url: `${ORIGIN}/{{ run.id }}/${id}${query}` },
  retry: RETRY,
  ...more,
});
const post = (id: string): NodeJson =>
  // what may not be repeated and may have happened is not tried again: the run goes on without it
  ({ ...request(id), config: { method: 'POST', url: `${ORIGIN}/{{ run.id }}/${id}` }, onError: 'continue' });
const code = (id: string): NodeJson => ({
  id,
  type: 'code',
  config: { code: 'return input', input: `{{ run.id }}/${id}` },
  retry: RETRY,
});
const pure = (id: string, expression: string): NodeJson => ({ id, type: 'transform', config: { expression } });
const agent = (id: string, { turns, calls }: Reference): NodeJson => ({
  id,
  type: 'agent',
  config: { prompt: `{{ run.id }}/${id} ${turns} ${calls}`, tools: ['http_fetch', 'run_code'], maxTurns: 100 },
  retry: RETRY,
});

/** Edges from one node to several, or from several to one. */
const spread = (from: string, to: readonly string[], port = 'out'): EdgeJson[] => to.map((id) => [from, port, id]);
const gather = (from: readonly string[], to: string): EdgeJson[] => from.map((id) => [id, 'out', to]);

/** The inner part of a section, between its first step `c` and its last `k`; the agent `a` is always there. */
const INNER: Readonly<Record<SectionKind, (i: number) => Section>> = {
  plain: (i) => ({
    nodes: [
      pure(`t${i}`, `steps.c${i}.output.size + ${i}`),
      { id: `b${i}`, type: 'branch', config: { cases: [{ port: 'even', when: `steps.t${i}.output % 2 == 0` }] } },
      request(`g${i}`),
      pure(`x${i}`, `${i}`),
      pure(`j${i}`, `"joined ${i}"`),
      request(`f${i}`, {}, `?fails=${1 + (i % 2)}`),
      post(`p${i}`),
    ],
    edges: [
      ...[[`c${i}`, 'out', `t${i}`] as const, [`t${i}`, 'out', `b${i}`] as const],
      ...[[`b${i}`, 'even', `g${i}`] as const, [`b${i}`, 'else', `x${i}`] as const],
      ...gather([`g${i}`, `x${i}`], `j${i}`),
      ...spread(`j${i}`, [`f${i}`, `p${i}`, `a${i}`]),
      ...gather([`f${i}`, `p${i}`], `k${i}`),
    ],
  }),
  loop: (i) => ({
    nodes: [
      { id: `l${i}`, type: 'loop', config: { items: [1, 2, 3, 4], concurrency: 2 } },
      { ...request(`m${i}`), config: { url: `${ORIGIN}/{{ run.id }}/l${i}[{{ index }}]/m${i}` } },
      { ...code(`n${i}`), config: { code: 'return input', input: `{{ run.id }}/l${i}[{{ index }}]/n${i}` } },
    ],
    edges: [
      ...spread(`c${i}`, [`l${i}`, `a${i}`]),
      ...[[`l${i}`, 'item', `m${i}`] as const, [`m${i}`, 'out', `n${i}`] as const, [`l${i}`, 'done', `k${i}`] as const],
    ],
  }),
  wait: (i) => ({
    nodes: [
      { id: `q${i}`, type: 'approval', config: { subject: `may section ${i} go on?` } },
      request(`f${i}`, { limit: { key: 'one at a time', max: 1 } }, '?fails=1'),
      post(`p${i}`),
      { id: `w${i}`, type: 'wait', config: { mode: 'duration', seconds: 0.3 } },
      { id: `y${i}`, type: 'join', config: { mode: 'all' } },
    ],
    edges: [
      [`c${i}`, 'out', `q${i}`],
      ...spread(`q${i}`, [`f${i}`, `p${i}`, `w${i}`, `a${i}`], 'approved'),
      ...gather([`f${i}`, `p${i}`, `w${i}`], `y${i}`),
      [`y${i}`, 'out', `k${i}`],
    ],
  }),
  race: (i) => ({
    nodes: [
      request(`f${i}`, {}, '?fails=1'),
      request(`g${i}`),
      { id: `w${i}`, type: 'wait', config: { mode: 'duration', seconds: 5 } },
      { id: `y${i}`, type: 'join', config: { mode: 'first' } },
    ],
    edges: [
      ...spread(`c${i}`, [`f${i}`, `g${i}`, `w${i}`, `a${i}`]),
      ...gather([`f${i}`, `g${i}`, `w${i}`], `y${i}`),
      [`y${i}`, 'out', `k${i}`],
    ],
  }),
  call: (i) => ({
    nodes: [{ id: `h${i}`, type: 'pipeline', config: { pipeline: 'called', input: { section: i } } }],
    edges: [...spread(`c${i}`, [`h${i}`, `a${i}`]), [`h${i}`, 'out', `k${i}`]],
  }),
};

function section(kind: SectionKind, i: number, reference: Reference): Section {
  const { nodes, edges } = INNER[kind](i);
  const end = pure(`k${i}`, `{"section": ${i}, "text": steps.a${i}.output.text}`);
  return {
    nodes: [code(`c${i}`), ...nodes, agent(`a${i}`, reference), end],
    edges: [[i === 0 ? 'start' : `k${i - 1}`, 'out', `c${i}`], ...edges, [`a${i}`, 'out', `k${i}`]],
  };
}

function documentOf(nodes: readonly NodeJson[], edges: readonly EdgeJson[]): PipelineDocument {
  const wires = edges.map(([from, port, to], i) => ({
    id: `e${i}`,
    from: { node: from, port },
    to: { node: to, port: 'in' },
  }));
  const parsed = parseDocument({ format: 1, nodes, edges: wires, notes: [] });
  if (!parsed.ok) throw new Error(`the reference pipeline is not sound: ${JSON.stringify(parsed.problems)}`);
  return parsed.document;
}

/** The document of the reference run. */
export function referencePipeline(reference: Reference): PipelineDocument {
  const sections = reference.sections.map((kind, i) => section(kind, i, reference));
  return documentOf(
    [{ id: 'start', type: 'trigger.manual' }, ...sections.flatMap(({ nodes }) => nodes)],
    sections.flatMap(({ edges }) => edges),
  );
}

/** The pipeline that `call` sections call. */
export const calledPipeline = (): PipelineDocument =>
  documentOf(
    [{ id: 'called', type: 'trigger.pipeline' }, request('u'), code('v'), pure('z', '"called"')],
    [
      ['called', 'out', 'u'],
      ['u', 'out', 'v'],
      ['v', 'out', 'z'],
    ],
  );

/** Nodes of `call` sections: each pins the revision it calls. */
export const callsIn = (document: PipelineDocument): readonly string[] =>
  document.nodes.filter((node) => node.type === 'pipeline').map((node) => node.id);

const repeat = (kind: SectionKind, count: number): SectionKind[] => Array.from({ length: count }, () => kind);

/** Thirty-one sections with 304 steps, those of loops and of called runs counted. */
export const SECTIONS: readonly SectionKind[] = Array.from({ length: 6 }, (): SectionKind[] => [
  ...repeat('plain', 3),
  'loop',
]).flatMap((four, i): SectionKind[] => [
  ...four,
  (['wait', 'race', 'wait', 'call', 'wait', 'call'] as const)[i] ?? 'wait',
]);
