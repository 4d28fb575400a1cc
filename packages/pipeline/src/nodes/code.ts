import { z } from 'zod';
import { field, workNode } from '../node-type.ts';

/** JavaScript in a sandbox: no network, no files, so running it again changes nothing. */
export const code = workNode({
  id: 'code',
  title: 'Code',
  help: 'Runs JavaScript in a sandbox without network or files. The code is the body of a function of `input`; what it returns is the output.',
  group: 'data',
  icon: 'code',
  effect: 'none',
  config: z.strictObject({
    code: z
      .string()
      .min(1)
      .max(100_000)
      .meta(
        field('Code', 'Body of a function of `input`.', { widget: 'code', examples: ['return input.a + input.b;'] }),
      ),
    input: z
      .json()
      .default({})
      .meta(
        field('Input', 'What the code gets as `input`.', {
          widget: 'json',
          examples: [{ a: '{{ run.input.a }}', b: 2 }],
        }),
      ),
  }),
  example: {
    code: 'return input.numbers.reduce((sum, n) => sum + n, 0);',
    input: { numbers: '{{ run.input.numbers }}' },
  },
});
