import type { AllowedPlace } from '@switchyard/runtime';
import { z } from 'zod';

/** 32 bytes as 64 hex digits or as base64. */
const SecretKey = z.string().transform((text, context) => {
  const bytes = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  if (bytes.length === 32) return bytes;
  context.addIssue('32 bytes, as 64 hex digits or as base64');
  return z.NEVER;
});

const Origin = z.url({ protocol: /^https?$/ }).transform((text) => new URL(text).origin);

const Environment = z.object({
  DATABASE_URL: z.string().min(1),
  REDIS_URL: z.string().min(1).optional(),
  SWITCHYARD_FAST_PATH: z.enum(['on', 'off']).default('on'),
  SWITCHYARD_CONCURRENCY: z.coerce.number().int().min(1).max(1_000).default(16),
  SWITCHYARD_HOST: z.string().default('127.0.0.1'),
  SWITCHYARD_PORT: z.coerce.number().int().min(1).max(65_535).default(7070),
  SWITCHYARD_PUBLIC_URL: Origin.optional(),
  SWITCHYARD_ALLOW_ORIGINS: z
    .string()
    .default('')
    .transform((text) => text.split(/[\s,]+/).filter((origin) => origin !== ''))
    .pipe(z.array(Origin)),
  SWITCHYARD_SECRET_KEY: SecretKey.optional(),
  SWITCHYARD_WORKER_PORT: z.coerce.number().int().min(1).max(65_535).optional(),
  SWITCHYARD_METRICS: z.enum(['on', 'off']).default('off'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  SWITCHYARD_CRASH: z.string().optional(),
});

/** What a worker is told from outside. */
export type Config = {
  readonly databaseUrl: string;
  /** Absent: the queue lives in the database. */
  readonly redisUrl: string | undefined;
  readonly fastPath: boolean;
  readonly concurrency: number;
  /** Places besides public addresses: the product's own demo pages, and what the operator allows. */
  readonly allow: readonly AllowedPlace[];
  readonly secretKey: Buffer | undefined;
  /** Where `/ready` and `/live` are asked; null: nowhere. */
  readonly health: { readonly host: string; readonly port: number } | null;
  /** Count what happens, for `/metrics` beside `/ready`. */
  readonly metrics: boolean;
  /** Base address of a collector that gets the traces of runs. */
  readonly traces: string | undefined;
  /** A crash point to arm; tests only. */
  readonly crash: string | undefined;
};

/** Reads the environment once. Throws one line that names every variable that does not fit. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = Environment.safeParse(given);
  if (!parsed.success)
    throw new Error(
      `configuration: ${parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`,
    );
  const { data } = parsed;
  return {
    databaseUrl: data.DATABASE_URL,
    redisUrl: data.REDIS_URL,
    fastPath: data.SWITCHYARD_FAST_PATH === 'on',
    concurrency: data.SWITCHYARD_CONCURRENCY,
    allow: [...demoPages(data), ...data.SWITCHYARD_ALLOW_ORIGINS.map((origin) => ({ origin, pathPrefix: '/' }))],
    secretKey: data.SWITCHYARD_SECRET_KEY,
    health:
      data.SWITCHYARD_WORKER_PORT === undefined
        ? null
        : { host: data.SWITCHYARD_HOST, port: data.SWITCHYARD_WORKER_PORT },
    metrics: data.SWITCHYARD_METRICS === 'on',
    traces: data.OTEL_EXPORTER_OTLP_ENDPOINT,
    crash: data.SWITCHYARD_CRASH,
  };
}

/** The server of this installation, by its address and by its public name: its demo pages and nothing else of it. */
function demoPages(data: z.infer<typeof Environment>): AllowedPlace[] {
  const host = data.SWITCHYARD_HOST === '0.0.0.0' || data.SWITCHYARD_HOST === '::' ? '127.0.0.1' : data.SWITCHYARD_HOST;
  const origins = new Set([
    `http://${host}:${data.SWITCHYARD_PORT}`,
    ...(data.SWITCHYARD_PUBLIC_URL ? [data.SWITCHYARD_PUBLIC_URL] : []),
  ]);
  return [...origins].map((origin) => ({ origin, pathPrefix: '/demo/' }));
}
