/* The engine's settings, all from the environment. */
import { z } from 'zod';
import { shippedModel } from './models.ts';

/** Settings of one engine process. */
export type EngineConfig = {
  /** Port on 127.0.0.1; 0 picks a free one. */
  readonly port: number;
  /** The key clients must bring. */
  readonly key: string;
  /** Checkpoint folder. */
  readonly model: string;
};

const schema = z.object({
  SWITCHYARD_ENGINE_PORT: z.coerce.number().int().min(0).max(65_535).default(7071),
  SWITCHYARD_ENGINE_KEY: z.string().min(8, 'must hold at least 8 characters'),
  SWITCHYARD_MODEL: z.string().min(1).optional(),
});

/** Reads the environment. @throws ZodError naming the variable */
export function readEngineConfig(environment: Readonly<Record<string, string | undefined>>): EngineConfig {
  const values = schema.parse(environment);
  return {
    port: values.SWITCHYARD_ENGINE_PORT,
    key: values.SWITCHYARD_ENGINE_KEY,
    model: values.SWITCHYARD_MODEL ?? shippedModel(),
  };
}
