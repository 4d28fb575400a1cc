import { z } from 'zod';
import type { Json } from '../event.ts';
import { evaluateCondition } from '../expression/evaluate.ts';
import { field, type NodeConfig, type Port, pureNode } from '../node-type.ts';

const PortName = z.string().regex(/^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/, 'letters, digits, _ and -, beginning with a letter');

/** Goes on by the first case that is true, else by `else`. The other ports' branches are dead. */
export const branch = pureNode({
  id: 'branch',
  title: 'Branch',
  help: 'Goes on by the port of the first case whose condition is true, else by `else`. Steps on the other ports are skipped. Its output is `{"port": …}`.',
  group: 'flow',
  icon: 'split',
  outputs: (config) => [...casePorts(config), { name: 'else', title: 'Else' }],
  config: z.strictObject({
    cases: z
      .array(
        z.strictObject({
          port: PortName.refine(
            (name) => name !== 'else' && name !== 'error',
            '"else" and "error" are ports already',
          ).meta(field('Port', 'Name of the way out.', { widget: 'text', examples: ['urgent'] })),
          when: z
            .string()
            .min(1)
            .max(10_000)
            .meta(
              field('Condition', 'An expression that is true or false.', {
                widget: 'expression',
                examples: ['steps.classify.output.json.label == "outage"'],
              }),
            ),
        }),
      )
      .min(1)
      .max(100)
      .refine(
        (cases) => new Set(cases.map((one) => one.port)).size === cases.length,
        'each port may stand in one case only',
      )
      .meta(field('Cases', 'Tried from top to bottom.', { widget: 'cases' })),
  }),
  example: { cases: [{ port: 'urgent', when: 'run.input.body.priority > 3' }] },
  evaluate: (config, scope) => {
    const taken = config.cases.find((one) => evaluateCondition(one.when, scope))?.port ?? 'else';
    return { output: { port: taken }, ports: [taken] };
  },
});

function casePorts(config: NodeConfig): readonly Port[] {
  const cases = config.cases;
  if (!Array.isArray(cases)) return [];
  return cases
    .map(portOfCase)
    .filter((name) => name !== null)
    .map((name) => ({ name, title: name }));
}

function portOfCase(one: Json): string | null {
  if (one === null || typeof one !== 'object' || Array.isArray(one)) return null;
  const port = one.port;
  return typeof port === 'string' && port !== '' ? port : null;
}
