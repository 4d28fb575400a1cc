import { z } from 'zod';
import { field, workNode } from '../node-type.ts';
import { schemaProblem } from './extract-schema.ts';
import { MODEL_FIELDS, temperature } from './model-fields.ts';

const Schema = z.record(z.string(), z.json()).superRefine((schema, context) => {
  const problem = schemaProblem(schema);
  if (problem !== null) context.addIssue({ code: 'custom', message: problem });
});

/** A typed value out of free text. `repeatable` as `llm` is. */
export const extract = workNode({
  id: 'extract',
  title: 'Extract data',
  help: [
    'Reads a text with a model and gives the data in it, checked against your JSON Schema. An answer that does not fit is given back to the model once, with what is wrong.',
    '',
    'The output has `data`, `repaired` and `usage`. When the second answer does not fit either the step fails with `answer_misfit`; both the last answer and what is wrong with it stand in the failure’s details. `pattern`, `format` and `$ref` are not supported.',
  ].join('\n'),
  group: 'agent',
  icon: 'scan-text',
  effect: 'repeatable',
  config: z.strictObject({
    connection: MODEL_FIELDS.connection,
    text: z
      .string()
      .min(1)
      .max(1_000_000)
      .meta(field('Text', 'What is read.', { widget: 'template', examples: ['{{ run.input.body.text }}'] })),
    schema: Schema.meta(
      field('Schema', 'JSON Schema of the data.', {
        widget: 'json',
        examples: [{ type: 'object', properties: { name: { type: 'string' } }, required: ['name'] }],
      }),
    ),
    instructions: z
      .string()
      .max(100_000)
      .default('')
      .meta(
        field('Instructions', 'What the model should know about the text.', {
          widget: 'template',
          examples: ['Amounts are in euros.'],
        }),
      ),
    temperature: temperature(0),
    maxTokens: MODEL_FIELDS.maxTokens,
  }),
  example: {
    text: '{{ run.input.body.text }}',
    schema: {
      type: 'object',
      properties: { name: { type: 'string' }, total: { type: 'number' } },
      required: ['name', 'total'],
      additionalProperties: false,
    },
    instructions: 'Amounts are in euros.',
  },
});
