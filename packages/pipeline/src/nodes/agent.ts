import { z } from 'zod';
import { field, workNode } from '../node-type.ts';
import { MODEL_FIELDS, temperature } from './model-fields.ts';

const Tools = z
  .array(z.enum(['http_fetch', 'run_code', 'search']))
  .refine((names) => new Set(names).size === names.length, 'each tool once');

/** A model that thinks and calls tools until it has an answer. Its turns are journaled, so a repeat goes on where it was. */
export const agent = workNode({
  id: 'agent',
  title: 'Agent',
  help: [
    'Gives a task to a model, lets it think and call tools, turn after turn, until it answers.',
    '',
    'The output has `text`, `turns`, `calls`, `usage`, `partial`, and `json` when you ask for a JSON answer. Each turn is recorded: after a crash the agent goes on from the last one.',
  ].join('\n'),
  group: 'agent',
  icon: 'bot',
  effect: 'repeatable',
  config: z.strictObject({
    connection: MODEL_FIELDS.connection,
    system: z
      .string()
      .max(100_000)
      .default('')
      .meta(
        field('System message', 'Who the model is and how it should work.', {
          widget: 'template',
          examples: ['You are a step of a pipeline. Use the tools, then answer.'],
        }),
      ),
    prompt: z
      .string()
      .min(1)
      .max(1_000_000)
      .meta(
        field('Task', 'What the model is asked.', {
          widget: 'template',
          examples: ['Summarise: {{ run.input.body.text }}'],
        }),
      ),
    tools: Tools.default([]).meta(
      field('Tools', '`http_fetch` reads pages, `run_code` runs JavaScript, `search` looks into your documents.', {
        widget: 'checkboxes',
      }),
    ),
    answer: z
      .enum(['text', 'json'])
      .default('text')
      .meta(
        field('Answer', '`json`: the answer must be JSON and stands parsed in `output.json`.', { widget: 'select' }),
      ),
    accept: z
      .string()
      .min(1)
      .max(10_000)
      .optional()
      .meta(
        field(
          'Accept',
          'An expression over `answer`, `lastResult`, `run` and `steps`; false refuses the answer and asks again.',
          { widget: 'expression', examples: ['size(answer) > 0'], advanced: true },
        ),
      ),
    temperature: temperature(1),
    maxTokens: z
      .number()
      .int()
      .min(1)
      .max(1_000_000)
      .default(1024)
      .meta(field('Tokens per turn', 'A longer turn is cut.', { widget: 'number', advanced: true })),
    maxTurns: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(300)
      .meta(
        field('Turns', 'At this many the agent must answer with what it has.', { widget: 'number', advanced: true }),
      ),
    windowTokens: z
      .number()
      .int()
      .min(64)
      .optional()
      .meta(
        field('Window', 'Tokens the model may see; older calls are hidden. As the model connection says when empty.', {
          widget: 'number',
          advanced: true,
        }),
      ),
    retakes: z
      .number()
      .int()
      .min(0)
      .max(100)
      .default(3)
      .meta(field('Retakes', 'How often in a row a bad turn is taken again.', { widget: 'number', advanced: true })),
  }),
  example: {
    system: 'You are a step of a pipeline. Use the tools, then answer.',
    prompt: 'Solve this step by step: {{ run.input.body.question }}',
    tools: ['run_code'],
    answer: 'text',
  },
});
