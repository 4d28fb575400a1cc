import { z } from 'zod';

/** 32 bytes as 64 hex digits or as base64. */
const SecretKey = z.string().transform((text, context) => {
  const bytes = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  if (bytes.length === 32) return bytes;
  context.addIssue('32 bytes, as 64 hex digits or as base64');
  return z.NEVER;
});

const Environment = z.object({
  DATABASE_URL: z.string().min(1),
  SWITCHYARD_HOST: z.string().default('127.0.0.1'),
  SWITCHYARD_PORT: z.coerce.number().int().min(0).max(65_535).default(7070),
  SWITCHYARD_DATA: z.string().default('.switchyard'),
  SWITCHYARD_PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .transform((text) => new URL(text))
    .optional(),
  SWITCHYARD_SECRET_KEY: SecretKey.optional(),
  SWITCHYARD_ALLOW_ORIGINS: z
    .string()
    .default('')
    .transform((text) => text.split(/[\s,]+/).filter((origin) => origin !== ''))
    .pipe(z.array(z.url({ protocol: /^https?$/ }).transform((text) => new URL(text).host))),
  SWITCHYARD_FAST_PATH: z.enum(['on', 'off']).default('on'),
  SWITCHYARD_METRICS: z.enum(['on', 'off']).default('off'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  SWITCHYARD_CRASH: z.string().optional(),
});

/** What the server is told from outside. */
export type Config = {
  readonly databaseUrl: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Folder that keeps `api-key`. */
  readonly data: string;
  readonly publicUrl: URL | null;
  readonly secretKey: Buffer | undefined;
  /** Hosts of the origins that runs may reach besides public ones: our demo pages are served under them too. */
  readonly demoHosts: readonly string[];
  /** Pure steps ride in the transaction that starts their run. */
  readonly fastPath: boolean;
  /** Count what happens, for `/metrics`. */
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
    host: data.SWITCHYARD_HOST,
    port: data.SWITCHYARD_PORT,
    data: data.SWITCHYARD_DATA,
    publicUrl: data.SWITCHYARD_PUBLIC_URL ?? null,
    secretKey: data.SWITCHYARD_SECRET_KEY,
    demoHosts: data.SWITCHYARD_ALLOW_ORIGINS,
    fastPath: data.SWITCHYARD_FAST_PATH === 'on',
    metrics: data.SWITCHYARD_METRICS === 'on',
    traces: data.OTEL_EXPORTER_OTLP_ENDPOINT,
    crash: data.SWITCHYARD_CRASH,
  };
}
