import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** Where the command line finds the product. */
export type CliConfig = {
  /** Root of the installation. */
  readonly root: string;
  /** The server's address, without a slash at the end. */
  readonly url: string;
  /** API key; absent where no installation was started here. */
  readonly key?: string;
  /** Address of the database; absent where none is known. */
  readonly databaseUrl?: string;
};

const DEFAULT_PORT = 7070;
const schema = z.object({
  DATABASE_URL: z.string().optional(),
  SWITCHYARD_DATA: z.string().default('.switchyard'),
  SWITCHYARD_PORT: z.coerce.number().int().min(1).max(65_535).default(DEFAULT_PORT),
  SWITCHYARD_PUBLIC_URL: z.url().optional(),
});

/** Reads the environment and the files that `up` leaves in the data folder. Throws ZodError naming the variable. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): CliConfig {
  const values = schema.parse(Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== '')));
  const root = findRoot();
  const data = resolve(root, values.SWITCHYARD_DATA);
  const key = readLine(join(data, 'api-key'));
  const databaseUrl = values.DATABASE_URL ?? readLine(join(data, 'postgres', 'url'));
  return {
    root,
    url: (
      values.SWITCHYARD_PUBLIC_URL ??
      readLine(join(data, 'url')) ??
      `http://127.0.0.1:${values.SWITCHYARD_PORT}`
    ).replace(/\/$/, ''),
    ...(key === undefined ? {} : { key }),
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
  };
}

function readLine(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'prisma', 'migrations')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}
