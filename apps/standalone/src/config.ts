import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { StartFailure } from './failure.ts';

/** Settings of one start. */
export type StandaloneConfig = {
  /** Folder of everything that is kept, absolute. */
  readonly data: string;
  /** Address of the reader's own PostgreSQL; absent: the embedded one. */
  readonly databaseUrl?: string;
  /** Address the server listens on. */
  readonly host: string;
  /** Ports; `explicit` ones are used or refused, never exchanged. */
  readonly port: { readonly port: number; readonly explicit: boolean };
  readonly enginePort: { readonly port: number; readonly explicit: boolean };
  /** Key of the engine; absent: a new one each start. */
  readonly engineKey?: string;
  /** 64 hex digits; absent: the one kept in the data folder. */
  readonly secretKey?: string;
  readonly publicUrl?: string;
  /** Checkpoint folder of the engine; absent: the one that ships. */
  readonly model?: string;
  /** Root of the installation: prisma/, apps/, engine/. */
  readonly root: string;
};

/** The environment as the process found it. */
export type Environment = Readonly<Record<string, string | undefined>>;

const port = z.coerce.number().int().min(0).max(65_535).optional();
const schema = z.object({
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must begin with postgresql://')
    .optional(),
  SWITCHYARD_HOST: z.string().min(1).default('127.0.0.1'),
  SWITCHYARD_PORT: port,
  SWITCHYARD_ENGINE_PORT: port,
  SWITCHYARD_ENGINE_KEY: z.string().min(8, 'must hold at least 8 characters').optional(),
  SWITCHYARD_SECRET_KEY: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'must be 64 hex digits (openssl rand -hex 32)')
    .optional(),
  SWITCHYARD_PUBLIC_URL: z.url().optional(),
  SWITCHYARD_MODEL: z.string().optional(),
  SWITCHYARD_DATA: z.string().min(1).default('.switchyard'),
});

const DEFAULT_PORT = 7070;
const DEFAULT_ENGINE_PORT = 7071;

/** Reads the environment; empty values count as absent. Throws `bad_setting` naming each variable that is wrong. */
export function readConfig(environment: Environment): StandaloneConfig {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    throw new StartFailure('bad_setting', problems, 'the README lists every variable and what it takes');
  }
  const values = parsed.data;
  const root = findRoot();
  return {
    root,
    data: resolve(root, values.SWITCHYARD_DATA),
    host: values.SWITCHYARD_HOST,
    port: { port: values.SWITCHYARD_PORT ?? DEFAULT_PORT, explicit: values.SWITCHYARD_PORT !== undefined },
    enginePort: {
      port: values.SWITCHYARD_ENGINE_PORT ?? DEFAULT_ENGINE_PORT,
      explicit: values.SWITCHYARD_ENGINE_PORT !== undefined,
    },
    ...(values.DATABASE_URL === undefined ? {} : { databaseUrl: values.DATABASE_URL }),
    ...(values.SWITCHYARD_ENGINE_KEY === undefined ? {} : { engineKey: values.SWITCHYARD_ENGINE_KEY }),
    ...(values.SWITCHYARD_SECRET_KEY === undefined ? {} : { secretKey: values.SWITCHYARD_SECRET_KEY }),
    ...(values.SWITCHYARD_MODEL === undefined ? {} : { model: resolve(root, values.SWITCHYARD_MODEL) }),
    ...(values.SWITCHYARD_PUBLIC_URL === undefined
      ? {}
      : { publicUrl: values.SWITCHYARD_PUBLIC_URL.replace(/\/$/, '') }),
  };
}

/** The nearest folder upwards that holds prisma/migrations: the same from source and from the bundle. */
function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'prisma', 'migrations'))) {
    const parent = dirname(folder);
    if (parent === folder)
      throw new StartFailure('bad_setting', 'prisma/migrations is missing', 'run from a complete checkout');
    folder = parent;
  }
  return folder;
}
