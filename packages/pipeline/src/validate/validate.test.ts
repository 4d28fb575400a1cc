import { describe, expect, it } from 'vitest';
import type { Json } from '../event.ts';
import { parseDocument } from '../parse-document.ts';
import { NODE_TYPES } from '../registry.ts';
import type { Problem } from './problem.ts';
import { validate } from './validate.ts';

type Part = Readonly<Record<string, Json>>;

const trigger: Part = { id: 't', type: 'trigger.manual' };
const transform = (id: string, expression: string): Part => ({ id, type: 'transform', config: { expression } });
const link = (from: string, to: string, port = 'out'): Part => ({
  id: `${from}_${to}_${port}`,
  from: { node: from, port },
  to: { node: to, port: 'in' },
});

function problemsOf(nodes: readonly Part[], edges: readonly Part[] = []): readonly Problem[] {
  const parsed = parseDocument({ nodes: [...nodes], edges: [...edges] });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return validate(parsed.document);
}

const codes = (problems: readonly Problem[]) => problems.map((one) => one.code);

describe('a sound pipeline', () => {
  it('has no problems', () => {
    const hook: Part = { id: 'hook', type: 'trigger.webhook', config: { token: 'demo-solve', mode: 'respond' } };
    const agent: Part = {
      id: 'solve',
      type: 'agent',
      config: {
        prompt: 'Solve: {{ run.input.body.question }}',
        tools: ['run_code'],
        accept: 'size(answer) > 0 && lastResult != ""',
      },
    };
    const respond: Part = { id: 'say', type: 'respond', config: { body: { answer: '{{ steps.solve.output.text }}' } } };
    expect(problemsOf([hook, agent, respond], [link('hook', 'solve'), link('solve', 'say')])).toEqual([]);
  });

  it.each(Object.values(NODE_TYPES))('accepts the example of $id', (type) => {
    const node: Part = { id: 'n', type: type.id, config: type.example };
    const known = ['empty_loop', 'quorum_too_large', 'respond_unheard', 'respond_missing', 'unknown_step'];
    const problems = type.group === 'trigger' ? problemsOf([node]) : problemsOf([trigger, node], [link('t', 'n')]);
    expect(problems.filter((one) => !known.includes(one.code))).toEqual([]);
  });
});

describe('each problem is named with its place', () => {
  const cases: readonly (readonly [string, readonly Part[], readonly Part[], Partial<Problem>])[] = [
    [
      'an unknown type',
      [trigger, { id: 'a', type: 'htpp' }],
      [link('t', 'a')],
      { code: 'unknown_type', node: 'a', path: ['type'], hint: 'Did you mean "http"?' },
    ],
    [
      'a type without its group',
      [{ id: 'a', type: 'webhook' }],
      [],
      { code: 'unknown_type', node: 'a', hint: 'Did you mean "trigger.webhook"?' },
    ],
    [
      'a missing field',
      [trigger, { id: 'a', type: 'http' }],
      [link('t', 'a')],
      { code: 'missing_field', node: 'a', path: ['url'] },
    ],
    [
      'a wrong value',
      [trigger, { id: 'a', type: 'http', config: { url: 'https://x', timeoutSeconds: -1 } }],
      [link('t', 'a')],
      { code: 'invalid_field', node: 'a', path: ['timeoutSeconds'] },
    ],
    [
      'a wrong value deep inside',
      [trigger, { id: 'a', type: 'branch', config: { cases: [{ port: 'else', when: 'true' }] } }],
      [link('t', 'a')],
      { code: 'invalid_field', node: 'a', path: ['cases', 0, 'port'] },
    ],
    [
      'an unknown field',
      [trigger, { id: 'a', type: 'http', config: { url: 'https://x', methd: 'GET' } }],
      [link('t', 'a')],
      { code: 'unknown_field', node: 'a', path: ['methd'], hint: 'Did you mean "method"?' },
    ],
    [
      'a secret written out',
      [trigger, { id: 'a', type: 'http', config: { url: 'https://x', headers: { Authorization: 'Bearer abc' } } }],
      [link('t', 'a')],
      { code: 'invalid_field', node: 'a', path: ['headers'] },
    ],
    [
      'two nodes of one id',
      [trigger, transform('a', '1'), transform('a', '2')],
      [link('t', 'a')],
      { code: 'duplicate_id', node: 'a' },
    ],
    [
      'two edges of one id',
      [trigger, transform('a', '1'), transform('b', '1')],
      [
        { ...link('t', 'a'), id: 'e' },
        { ...link('t', 'b'), id: 'e' },
      ],
      { code: 'duplicate_id', edge: 'e' },
    ],
    [
      'an edge from nowhere',
      [trigger, transform('fetch', '1')],
      [link('t', 'fetch'), link('fetsh', 'fetch')],
      { code: 'missing_node', edge: 'fetsh_fetch_out', path: ['from', 'node'], hint: 'Did you mean "fetch"?' },
    ],
    [
      'an edge to nowhere',
      [trigger],
      [link('t', 'nobody')],
      { code: 'missing_node', edge: 't_nobody_out', path: ['to', 'node'] },
    ],
    [
      'an output port that is not there',
      [trigger, transform('a', '1'), transform('b', '1')],
      [link('t', 'a'), link('a', 'b', 'left')],
      { code: 'missing_port', node: 'a', edge: 'a_b_left', path: ['from', 'port'], hint: 'It has: out.' },
    ],
    [
      'an error port that is not switched on',
      [trigger, transform('a', '1'), transform('b', '1')],
      [link('t', 'a'), link('a', 'b', 'error')],
      { code: 'missing_port', node: 'a', hint: expect.stringContaining('On error') },
    ],
    [
      'an input port that is not there',
      [trigger, transform('a', '1')],
      [{ id: 'e', from: { node: 't', port: 'out' }, to: { node: 'a', port: 'left' } }],
      { code: 'missing_port', node: 'a', edge: 'e', path: ['to', 'port'] },
    ],
    [
      'an edge into a trigger',
      [trigger, transform('a', '1')],
      [link('t', 'a'), link('a', 't')],
      { code: 'edge_into_trigger', node: 't', edge: 'a_t_out' },
    ],
    [
      'the same edge twice',
      [trigger, transform('a', '1')],
      [link('t', 'a'), { ...link('t', 'a'), id: 'again' }],
      { code: 'duplicate_edge', edge: 'again' },
    ],
    [
      'a cycle',
      [trigger, transform('a', '1'), transform('b', '1'), transform('c', '1')],
      [link('t', 'a'), link('a', 'b'), link('b', 'c'), link('c', 'a')],
      { code: 'cycle', node: 'a', message: expect.stringContaining('a → b → c → a') },
    ],
    [
      'a node that waits for itself',
      [trigger, transform('a', '1')],
      [link('t', 'a'), link('a', 'a')],
      { code: 'cycle', node: 'a' },
    ],
    [
      'a node nothing leads to',
      [trigger, transform('lost', '1')],
      [],
      { code: 'unreachable', severity: 'warning', node: 'lost' },
    ],
    ['no trigger', [transform('a', '1')], [], { code: 'no_trigger' }],
    [
      'one token twice',
      [
        { id: 'u', type: 'trigger.webhook', config: { token: 'same' } },
        { id: 'v', type: 'trigger.webhook', config: { token: 'same' } },
      ],
      [],
      { code: 'duplicate_token', node: 'v', path: ['token'] },
    ],
    [
      'a bad token',
      [{ id: 'u', type: 'trigger.webhook', config: { token: 'a b' } }],
      [],
      { code: 'invalid_field', node: 'u', path: ['token'] },
    ],
    [
      'a bad cron',
      [{ id: 'u', type: 'trigger.schedule', config: { cron: '61 * * * *' } }],
      [],
      { code: 'invalid_cron', node: 'u', path: ['cron'], message: '"61" is not a minute (0-59).' },
    ],
    [
      'a bad time zone',
      [{ id: 'u', type: 'trigger.schedule', config: { cron: '* * * * *', timezone: 'Moon/Base' } }],
      [],
      { code: 'invalid_timezone', node: 'u', path: ['timezone'] },
    ],
    [
      'an answer nobody hears',
      [trigger, { id: 'r', type: 'respond' }],
      [link('t', 'r')],
      { code: 'respond_unheard', severity: 'warning', node: 'r' },
    ],
    [
      'a webhook nobody answers',
      [{ id: 'u', type: 'trigger.webhook', config: { token: 'demo', mode: 'respond' } }],
      [],
      { code: 'respond_missing', severity: 'warning', node: 'u' },
    ],
    [
      'an expression that does not parse',
      [trigger, transform('a', '1 +')],
      [link('t', 'a')],
      { code: 'invalid_expression', node: 'a', path: ['expression'] },
    ],
    [
      'a template that does not close',
      [trigger, { id: 'a', type: 'http', config: { url: 'https://{{ run.input' } }],
      [link('t', 'a')],
      { code: 'unclosed_template', node: 'a' },
    ],
    [
      'an expression deep in a body',
      [trigger, { id: 'a', type: 'http', config: { url: 'https://x', body: { list: ['ok', 'x {{ 1 + }}'] } } }],
      [link('t', 'a')],
      { code: 'invalid_expression', node: 'a', path: ['body', 'list', 1] },
    ],
    [
      'matches()',
      [trigger, transform('a', 'run.input.x.matches("a")')],
      [link('t', 'a')],
      { code: 'matches_refused', node: 'a', hint: expect.stringContaining('like(') },
    ],
    [
      'a function that is not there',
      [trigger, transform('a', 'lowercase("A")')],
      [link('t', 'a')],
      { code: 'invalid_expression', node: 'a', message: expect.stringContaining('lowercase') },
    ],
    [
      'types that cannot go together',
      [trigger, transform('a', '"a" + 1')],
      [link('t', 'a')],
      { code: 'invalid_expression', node: 'a' },
    ],
    [
      'a name that is not there',
      [trigger, transform('a', 'step.b.output')],
      [link('t', 'a')],
      { code: 'unknown_name', node: 'a', hint: 'Did you mean "steps"?' },
    ],
    [
      'a step that is not there',
      [trigger, transform('fetch', '1'), transform('b', 'steps.fetsh.output')],
      [link('t', 'fetch'), link('fetch', 'b')],
      { code: 'unknown_step', node: 'b', hint: 'Did you mean "fetch"?' },
    ],
    [
      'a step that comes later',
      [trigger, transform('a', 'steps.b.output'), transform('b', '1')],
      [link('t', 'a'), link('a', 'b')],
      { code: 'step_not_upstream', node: 'a' },
    ],
    [
      'a step beside',
      [trigger, transform('a', '1'), transform('b', 'steps["a"].output')],
      [link('t', 'a'), link('t', 'b')],
      { code: 'step_not_upstream', node: 'b' },
    ],
    [
      'a step that refers to itself',
      [trigger, transform('a', 'steps.a.output')],
      [link('t', 'a')],
      { code: 'step_not_upstream', node: 'a', message: expect.stringContaining('itself') },
    ],
  ];

  it.each(cases)('%s', (_name, nodes, edges, expected) => {
    const problems = problemsOf(nodes, edges);
    expect(problems).toContainEqual(expect.objectContaining(expected));
    expect(
      problems.every((one) => one.message !== '' && (one.severity === 'error' || one.severity === 'warning')),
    ).toBe(true);
  });

  it('all at once', () => {
    const found = codes(
      problemsOf(
        [transform('a', '1 +'), { id: 'b', type: 'nope' }, { id: 'c', type: 'http' }],
        [link('a', 'b'), link('b', 'a'), link('x', 'c')],
      ),
    );
    for (const code of ['no_trigger', 'invalid_expression', 'unknown_type', 'missing_field', 'cycle', 'missing_node'])
      expect(found).toContain(code);
  });

  it('and nothing said of values that only a run can tell', () => {
    expect(
      problemsOf(
        [trigger, { id: 'a', type: 'respond', config: { status: '{{ run.input.status }}' } }],
        [link('t', 'a')],
      ).filter((one) => one.severity === 'error'),
    ).toEqual([]);
    expect(
      problemsOf(
        [trigger, { id: 'a', type: 'code', config: { code: 'const f = () => ({{ not CEL }})' } }],
        [link('t', 'a')],
      ),
    ).toEqual([]);
    expect(problemsOf([trigger, transform('a', '[1, 2].map(step, step * 2)')], [link('t', 'a')])).toEqual([]);
  });
});

describe('a large document', () => {
  it('of 5,000 nodes is validated, cycle search and all, without deep recursion', () => {
    const nodes = [
      trigger,
      ...Array.from({ length: 4_999 }, (_, i) => transform(`n${i}`, i === 0 ? '1' : `steps.n${i - 1}.output + 1`)),
    ];
    const edges = nodes.slice(1).map((_, i) => link(i === 0 ? 't' : `n${i - 1}`, `n${i}`));
    expect(problemsOf(nodes, edges)).toEqual([]);
    expect(codes(problemsOf(nodes, [...edges, link('n4998', 'n0')]))).toContain('cycle');
  });
});
