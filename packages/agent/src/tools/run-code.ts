import type { Tool } from '../contract.ts';
import type { CodePort } from '../http.ts';

/** Runs JavaScript in the sandbox; the result is `String(value)` of the last expression. Has no effect outside, so it may be repeated. */
export const runCodeTool = (ports: { readonly code: CodePort }): Tool => ({
  declaration: {
    name: 'run_code',
    description: 'Run JavaScript and return the value of the last expression.',
    parameters: { type: 'object', properties: { code: { type: 'string' } }, required: ['code'] },
  },
  effect: 'none',
  policy: 'repeat',
  call: (args, { signal }) => ports.code(String(args.code), { signal }),
});
