import { z } from 'zod';
import type { Json } from '../event.ts';
import { field } from '../node-type.ts';

const WHEN = 'Filled in when you press Run in the editor.';

/** The field of a trigger that the editor's Run begins with; no run reads it. `examples` show what such an input looks like. */
export const exampleInput = (examples: readonly Json[], description = WHEN) =>
  z
    .json()
    .optional()
    .meta(field('Example input', description, { widget: 'example', examples }));
