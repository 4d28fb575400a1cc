import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Ground, openGround } from '../crash/ground.ts';
import { SCRIPTS, type Script } from '../crash/scripts.ts';
import { type CapturedJournal, FOLDER } from './journal-file.ts';

/*
 * `npm run journals -- capture`: takes journals of real runs of this build into test/journals/captured, one file each. They
 * are the past: later builds must fold them and go on with them. It adds and replaces files of this version only.
 */

const EACH = 6;
const SKIPPED = new Set(['long', 'slow', 'called']);

async function takeAll(ground: Ground): Promise<CapturedJournal[]> {
  const taken: CapturedJournal[] = [];
  for (const script of Object.values(SCRIPTS).filter(({ name }) => !SKIPPED.has(name)))
    for (let i = 0; i < EACH; i++)
      taken.push({ script: script.name, token: (await ground.start(script)).token, runs: [] });
  const runs = await ground.settle();
  return Promise.all(
    taken.map(async (one) => {
      const { runId, script } = runs.find(({ token }) => token === one.token) ?? { runId: '', script: SCRIPTS.work };
      return { ...one, runs: await familyOf(ground, runId, script) };
    }),
  );
}

/** The run, then those it called. */
async function familyOf(ground: Ground, runId: string, script: Script): Promise<CapturedJournal['runs']> {
  const below = await ground.parts.sql<{ id: string }>('select id from run where parent_run = $1', [runId]);
  return Promise.all(
    [runId, ...below.map(({ id }) => id)].map(async (id, place) => {
      const [row] = await ground.parts.sql<{ document: unknown }>(
        'select v.document from run r join revision v on v.id = r.revision_id where r.id = $1',
        [id],
      );
      if (row === undefined) throw new Error(`no run ${id} of ${script.name}`);
      const events = await ground.database.journal.events(id, { after: 0 });
      return { role: place === 0 ? ('run' as const) : ('called' as const), document: row.document, events };
    }),
  );
}

/** Captures anew, and says how many. */
export async function capture(): Promise<void> {
  const ground = await openGround();
  try {
    const taken = await takeAll(ground);
    mkdirSync(FOLDER, { recursive: true });
    for (const file of readdirSync(FOLDER)) if (file.startsWith('0.1.0-')) rmSync(join(FOLDER, file));
    taken.forEach((journal, place) => {
      const name = `0.1.0-${journal.script}-${(place % EACH) + 1}.json.gz`;
      const text = JSON.stringify({ origin: ground.sink.origin, ...journal });
      writeFileSync(join(FOLDER, name), gzipSync(text, { level: 9 }));
    });
    process.stdout.write(`${JSON.stringify({ journals: taken.length, folder: 'test/journals/captured' })}\n`);
  } finally {
    await ground.close();
  }
}
