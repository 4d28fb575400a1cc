import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Catalog, openDatabase } from '@switchyard/journal';

/** Name of the connection that leads to the engine of this installation. */
const CONNECTION = 'pocket';
const KEY_NAME = 'local';

/** What an installation needs besides its tables. */
export type Installation = {
  readonly databaseUrl: string;
  /** 64 hex digits. */
  readonly secretKey: string;
  /** Folder that keeps `api-key`. */
  readonly data: string;
  /** Where the engine of this start listens and what it asks for. */
  readonly engine: { readonly url: string; readonly key: string; readonly model?: string };
};

/** Points the model connection at this start's engine and makes the local API key unless the kept one is valid. Safe to repeat. */
export async function prepareInstallation(installation: Installation, warn: (line: string) => void): Promise<void> {
  const database = await openDatabase({
    url: installation.databaseUrl,
    applicationName: 'switchyard standalone',
    secretKey: Buffer.from(installation.secretKey, 'hex'),
    maxConnections: 2,
    warn,
  });
  try {
    await connectEngine(database.catalog, installation.engine);
    await keepApiKey(database.catalog, installation.data);
  } finally {
    await database.close();
  }
}

/** A person's choice of default and price stays; only address, key and model follow the engine. */
async function connectEngine({ connections }: Catalog, engine: Installation['engine']): Promise<void> {
  const model = engine.model === undefined ? CONNECTION : basename(engine.model);
  const now = { baseUrl: `${engine.url}/v1`, model, apiKey: engine.key };
  const known = (await connections.list()).find((connection) => connection.name === CONNECTION);
  if (known === undefined) await connections.create({ name: CONNECTION, dialect: 'kimi', ...now });
  else await connections.update(known.id, now);
}

async function keepApiKey({ apiKeys }: Catalog, data: string): Promise<void> {
  const file = join(data, 'api-key');
  if (existsSync(file) && (await apiKeys.verify(readFileSync(file, 'utf8').trim())) !== null) return;
  const { key } = await apiKeys.create(KEY_NAME); // a new database, or the key was removed in the settings
  writeFileSync(file, `${key}\n`, { mode: 0o600 });
}
