import { z } from 'zod';
import { field } from '../node-type.ts';

/** Config fields of the types that ask a model; `maxTokens` is that of those that ask once. */
export const MODEL_FIELDS = {
  connection: z
    .string()
    .max(120)
    .optional()
    .meta(field('Model', 'A model connection; the default one when empty.', { widget: 'select-connection' })),
  maxTokens: z
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .default(1024)
    .meta(field('Tokens', 'A longer answer is cut. The thought counts too.', { widget: 'number', advanced: true })),
};

/** How freely a model chooses its words. */
export const temperature = (preset: number) =>
  z
    .number()
    .min(0)
    .max(2)
    .default(preset)
    .meta(field('Temperature', '0 is always the likeliest word.', { widget: 'number', advanced: true }));
