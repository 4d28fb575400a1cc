import type { Json } from '@switchyard/pipeline';
import type { ProgramTurn } from '../harness/program-model.ts';
import { type Drawing, draw } from '../harness/workshop.ts';

/*
 * Small pipelines that between them write every kind of event that can be written today. A node that asks the outside has
 * the address `/ID/TOKEN` at the sink, where TOKEN is of one run.
 */

/** What happens to a run from outside while it goes on. */
export type Drive = 'nothing' | 'cancel' | 'wake' | 'pause';

/** One pipeline, and how runs of it may end whatever dies meanwhile. */
export type Script = {
  readonly name: string;
  readonly drawing: (origin: string) => Drawing;
  readonly drive: Drive;
  /** Started by `trigger.pipeline` alone: published for others to call. */
  readonly called?: boolean;
  /** Allowed last events; a failure by its code. */
  readonly ends: readonly string[];
};

const manual = { id: 'start', type: 'trigger.manual' };
const at = (origin: string, id: string, index = ''): string => `${origin}/${id}/{{ run.input.t }}${index}`;
const http = (origin: string, id: string, config: Record<string, Json> = {}, rest: Record<string, Json> = {}) => ({
  id,
  type: 'http',
  config: { url: at(origin, id), ...config },
  ...rest,
});
const code = (id: string) => ({ id, type: 'code', config: { code: 'return { n: 1 };' } });
const post = (origin: string, id: string) => http(origin, id, { method: 'POST', body: { id } });
const agent = (id: string, program: readonly ProgramTurn[], config: Record<string, Json> = {}) => ({
  id,
  type: 'agent',
  config: { prompt: JSON.stringify(program), tools: ['http_fetch'], connection: 'scripted', retakes: 20, ...config },
});
const pages = (origin: string, count: number): ProgramTurn[] =>
  Array.from({ length: count }, (_, index) => ({ fetch: at(origin, 'page', `/${index}`) }));
/** A node as a person writes it: what has a default may be left out. */
type Drawn = { readonly id: string; readonly type: string; readonly [field: string]: Json };
const waitFor = (id: string, config: Record<string, Json>): Drawn => ({ id, type: 'wait', config });
const node = (id: string, type: string, config: Record<string, Json>): Drawn => ({ id, type, config });
const line = (nodes: readonly Drawn[]): Drawing => ({
  nodes: [manual, ...nodes],
  edges: nodes.map(({ id }, place) => `${place === 0 ? 'start' : nodes[place - 1]?.id} > ${id}`),
});

/** Succeeds, or says loudly that it does not know whether its POST arrived. */
const LOUD = ['run.succeeded', 'outcome_unknown'];
const OK = ['run.succeeded'];

/** 100 times: a GET, a value, a PUT; 300 steps. */
const longLine = (origin: string, name: string, length = 300): Drawing =>
  line(
    Array.from({ length }, (_, i) => {
      if (i % 3 === 1) return { id: `t${i}`, type: 'transform', config: { expression: `${i}` } };
      return http(origin, `${name}${i}`, i % 3 === 0 ? {} : { method: 'PUT', body: { i } });
    }),
  );

/** The agent's part of the reference run alone writes over fifty appends. */
const reference = (origin: string): Drawing =>
  line([
    code('prepare'),
    http(origin, 'get'),
    agent('work', [...pages(origin, 26), { say: 'done' }], { windowTokens: 4_000, maxTokens: 100 }),
    http(origin, 'flaky', {}, { retry: { attempts: 3, backoffSeconds: 0.05 } }),
    http(origin, 'put', { method: 'PUT', body: { done: true } }),
    ...Array.from({ length: 6 }, (_, i) => http(origin, `more${i}`)),
  ]);

/** The name of a script. */
export type ScriptName =
  | 'work'
  | 'fail'
  | 'agent'
  | 'thinker'
  | 'cancel'
  | 'wait'
  | 'called'
  | 'call'
  | 'each'
  | 'pause'
  | 'reference'
  | 'long'
  | 'slow';

/** All scripts by name. */
export const SCRIPTS: Readonly<Record<ScriptName, Script>> = {
  work: {
    name: 'work',
    drawing: (origin) => ({
      nodes: [
        manual,
        code('prepare'),
        http(origin, 'get'),
        { id: 'which', type: 'branch', config: { cases: [{ port: 'never', when: 'false' }] } },
        code('never'),
        http(origin, 'flaky', {}, { retry: { attempts: 3, backoffSeconds: 0.05 } }),
        post(origin, 'post'),
      ],
      edges: [
        'start > prepare',
        'prepare > get',
        'get > which',
        'which.never > never',
        'which.else > flaky',
        'flaky > post',
      ],
    }),
    drive: 'nothing',
    ends: LOUD,
  },
  fail: { name: 'fail', drawing: (origin) => line([http(origin, 'bad')]), drive: 'nothing', ends: ['http_status'] },
  agent: {
    name: 'agent',
    drawing: (origin) =>
      line([
        agent('work', [...pages(origin, 5).map((turn) => ({ ...turn, empty: [2] })), { say: 'done' }], {
          windowTokens: 900,
          maxTokens: 100,
          maxTurns: 5,
        }),
        http(origin, 'get'),
      ]),
    drive: 'nothing',
    ends: OK,
  },
  thinker: {
    name: 'thinker',
    drawing: (origin) => line([agent('work', [{ thinkMs: 2_300, say: 'thought about it' }]), http(origin, 'get')]),
    drive: 'nothing',
    ends: OK,
  },
  cancel: {
    name: 'cancel',
    drawing: (origin) => line([http(origin, 'hang')]),
    drive: 'cancel',
    ends: ['run.cancelled'],
  },
  wait: {
    name: 'wait',
    drawing: (origin) => ({
      nodes: [
        manual,
        waitFor('pause', { mode: 'duration', seconds: 0.2 }),
        waitFor('hook', { mode: 'webhook' }),
        { id: 'ask', type: 'approval', config: { subject: { t: '{{ run.input.t }}' } } },
        http(origin, 'get'),
      ],
      edges: ['start > pause', 'pause > hook', 'hook > ask', 'ask.approved > get'],
    }),
    drive: 'wake',
    ends: OK,
  },
  called: {
    name: 'called',
    drawing: (origin) => ({
      nodes: [{ id: 'start', type: 'trigger.pipeline' }, http(origin, 'inner')],
      edges: ['start > inner'],
    }),
    drive: 'nothing',
    called: true,
    ends: OK,
  },
  call: {
    name: 'call',
    drawing: (origin) =>
      line([
        { id: 'child', type: 'pipeline', config: { pipeline: 'called', input: { t: '{{ run.input.t }}' } } },
        http(origin, 'get'),
      ]),
    drive: 'nothing',
    ends: OK,
  },
  each: {
    name: 'each',
    drawing: (origin) => ({
      nodes: [
        manual,
        node('each', 'loop', { items: [1, 2, 3], concurrency: 2 }),
        node('item', 'http', { url: at(origin, 'item', '/{{ index }}') }),
        node('join', 'join', { mode: 'all' }),
        http(origin, 'get'),
      ],
      edges: ['start > each', 'each.item > item', 'each.done > join', 'join > get'],
    }),
    drive: 'nothing',
    ends: OK,
  },
  pause: {
    name: 'pause',
    drawing: (origin) => line([waitFor('rest', { mode: 'duration', seconds: 1 }), http(origin, 'get')]),
    drive: 'pause',
    ends: OK,
  },
  reference: { name: 'reference', drawing: reference, drive: 'nothing', ends: OK },
  long: { name: 'long', drawing: (origin) => longLine(origin, 'g'), drive: 'nothing', ends: OK },
  slow: { name: 'slow', drawing: (origin) => longLine(origin, 'slow'), drive: 'nothing', ends: OK },
};

/** Draws a script's pipeline; throws when it is none. */
export const documentOf = (script: Script, origin: string) => draw(script.drawing(origin));
