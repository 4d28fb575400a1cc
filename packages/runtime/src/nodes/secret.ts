import type { z } from 'zod';
import type { NodeContext } from '../contract.ts';
import { TerminalError } from '../errors.ts';

/** A stored credential of a kind, opened where it is used. `unknown_credential` where there is none, or one of another kind. */
export async function openSecret<S extends z.ZodType>(
  { ports }: Pick<NodeContext, 'ports'>,
  name: string,
  schema: S,
): Promise<z.output<S>> {
  const stored = schema.safeParse(await ports.credentials.get(name));
  if (stored.success) return stored.data;
  throw new TerminalError('unknown_credential', `There is no credential "${name}" of this kind.`, {
    hint: 'Store it with PUT /api/credentials/NAME, or correct the name in the node.',
  });
}
