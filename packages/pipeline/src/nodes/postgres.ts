import { z } from 'zod';
import { field, workNode } from '../node-type.ts';

/** One statement on a database of the user's. The query is no template, so that run data stays a value. */
export const postgres = workNode({
  id: 'postgres',
  title: 'Postgres',
  help: [
    'Runs one SQL statement. The credential holds the address, `{"url": "postgres://user:password@host/database"}`, and the statement goes there and nowhere else. The query is not a template: run data reaches it as `$1`, `$2` …, so text that looks like SQL stays text. Lists and objects arrive as JSON (`$1::jsonb`).',
    '',
    'It reads in a read-only transaction; with **Allow writes** it acts once: when a worker is lost in the middle the statement is not run again, the step fails with `outcome_unknown`. The connection is encrypted and its certificate checked, unless the address says `?sslmode=require` (not checked) or `?sslmode=disable`.',
    '',
    'The output has `rows` and `rowCount`. Numbers, booleans and JSON arrive as such, `null` too; everything else, `bigint` and `numeric` among it, as the text Postgres writes, times in UTC.',
  ].join('\n'),
  group: 'action',
  icon: 'database',
  effect: 'once',
  config: z.strictObject({
    credential: z
      .string()
      .min(1)
      .max(120)
      .meta(
        field('Credential', 'Name of the stored credential with the address.', { widget: 'text', examples: ['shop'] }),
      ),
    query: z
      .string()
      .min(1)
      .max(100_000)
      .meta(
        field('Query', 'One SQL statement; values are `$1`, `$2` …', {
          widget: 'code',
          examples: ['select * from orders where id = $1'],
        }),
      ),
    parameters: z
      .json()
      .default([])
      .meta(
        field('Parameters', 'The values of `$1`, `$2` …, a list.', {
          widget: 'json',
          examples: [['{{ run.input.body.id }}']],
        }),
      ),
    allowWrites: z
      .boolean()
      .default(false)
      .meta(field('Allow writes', 'Commits what the statement changes.', { widget: 'switch' })),
    maxRows: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(1_000)
      .meta(field('Most rows', 'More rows fail the step.', { widget: 'number', advanced: true })),
    maxBytes: z
      .number()
      .int()
      .min(1_000)
      .max(50_000_000)
      .default(5_000_000)
      .meta(field('Most bytes', 'More bytes from the server fail the step.', { widget: 'number', advanced: true })),
    timeoutSeconds: z
      .number()
      .positive()
      .max(600)
      .default(30)
      .meta(field('Time limit', 'Seconds the statement may take.', { widget: 'number', advanced: true })),
  }),
  example: {
    credential: 'shop',
    query: 'select id, state from orders where id = $1',
    parameters: ['{{ run.input.body.id }}'],
  },
});
