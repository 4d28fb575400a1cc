/*
 * Gate: prisma/schema.prisma and prisma/migrations say the same. `npm run -w @switchyard/journal drift`, with the address of
 * any Postgres whose user may create databases in SHADOW_DATABASE_URL (or TEST_DATABASE_URL); its contents are not touched.
 * Exit 0: they agree, and the check is able to fail (a schema with one field more is refused). Else 1.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { prisma } from './prisma.mjs';

const server = process.env.SHADOW_DATABASE_URL ?? process.env.TEST_DATABASE_URL;
if (server === undefined) {
  console.error('drift: set SHADOW_DATABASE_URL to a Postgres whose user may create databases');
  process.exit(1);
}
const schema = fileURLToPath(new URL('../../../prisma/schema.prisma', import.meta.url));
const DIFFERENT = 2; // exit status of `migrate diff --exit-code`

/** Exit status of the diff between the migrations, applied to a fresh database, and a schema file. */
async function compare(schemaFile) {
  const admin = new pg.Client({ connectionString: server });
  await admin.connect();
  const database = `switchyard_drift_${process.pid}`;
  await admin.query(`create database ${database}`);
  try {
    const url = new URL(server);
    url.pathname = `/${database}`;
    const args = [
      'migrate',
      'diff',
      '--from-migrations',
      'prisma/migrations',
      '--to-schema',
      schemaFile,
      '--exit-code',
    ];
    return prisma(args, { env: { DATABASE_URL: url.href, SHADOW_DATABASE_URL: url.href }, quiet: true });
  } finally {
    await admin.query(`drop database ${database} with (force)`);
    await admin.end();
  }
}

const real = await compare(schema);
if (real.status !== 0) {
  console.error(`drift: schema.prisma and migrations differ (exit ${real.status})\n${real.output}`);
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'drift-'));
const mutant = join(folder, 'schema.prisma');
writeFileSync(mutant, readFileSync(schema, 'utf8').replace('model Limiter {', 'model Limiter {\n  surplus Int?'));
const changed = await compare(mutant);
rmSync(folder, { recursive: true });
if (changed.status !== DIFFERENT) {
  console.error(`drift: the check is blind, an added field gave exit ${changed.status}\n${changed.output}`);
  process.exit(1);
}
console.log('drift: schema.prisma and prisma/migrations agree; an added field is noticed');
