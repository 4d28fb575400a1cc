import { join } from 'node:path';
import { checkInvariants, INVARIANTS, migrate } from '@switchyard/journal';
import type { System } from './system.ts';

/**
 * One line of the doctor. `kind`: a connection or version, or a promise of the journal. `ok` null: rows cannot show it, `note` says
 * what does. `remedy`: what to do about it.
 */
export type Finding = {
  readonly name: string;
  readonly kind: 'installation' | 'invariant';
  readonly ok: boolean | null;
  readonly note: string;
  readonly remedy?: string | undefined;
};

/** What the doctor looks at. */
export type Patient = {
  readonly databaseUrl: string;
  readonly url: string;
  readonly root: string;
  readonly system: System;
};

/**
 * Server, database, migrations and the invariants that one can see in the journal. Never throws: what cannot be looked at is a
 * finding. Looking at the migrations applies those that are missing, as every start does.
 */
export async function diagnose(patient: Patient): Promise<readonly Finding[]> {
  const findings = [await look('server', () => askServer(patient))];
  findings.push(await look('migrations', () => askMigrations(patient)));
  if (!findings.at(-1)?.ok) return findings; // without tables there is no journal to look at
  return [...findings, ...(await askJournal(patient))];
}

async function askJournal({ databaseUrl }: Patient): Promise<readonly Finding[]> {
  try {
    const seen = new Map((await checkInvariants(databaseUrl)).map((finding) => [finding.id, finding]));
    return INVARIANTS.map(({ id, promise, proof, remedy }): Finding => {
      const finding = seen.get(id);
      if (finding === undefined)
        return { name: id, kind: 'invariant', ok: null, note: `${promise}; shown by ${proof ?? 'its tests'}` };
      const { broken, runs } = finding;
      const sound = broken.length === 0;
      const note = sound ? `${promise} (${runs} runs)` : `broken by run ${broken.join(', ')}: ${promise}`;
      return { name: id, kind: 'invariant', ok: sound, note, ...(sound ? {} : { remedy }) };
    });
  } catch (error) {
    return [{ name: 'journal', kind: 'installation', ok: false, note: messageOf(error) }];
  }
}

async function look(name: string, question: () => Promise<string>): Promise<Finding> {
  try {
    return { name, kind: 'installation', ok: true, note: await question() };
  } catch (error) {
    return { name, kind: 'installation', ok: false, note: messageOf(error) };
  }
}

async function askServer({ url, system }: Patient): Promise<string> {
  const answer = await system.fetch(`${url}/health`).catch((error: unknown) => {
    throw new Error(`nobody answers at ${url} (${messageOf(error)}); start it with: switchyard up`);
  });
  if (!answer.ok) throw new Error(`${url}/health answers ${answer.status}`);
  return `answers at ${url}`;
}

async function askMigrations({ databaseUrl, root }: Patient): Promise<string> {
  const { applied, appRole } = await migrate(databaseUrl, { directory: join(root, 'prisma', 'migrations') });
  const role = appRole
    ? ''
    : '; the login may not use the role switchyard_app, so insert-only is not enforced by the database';
  return `${applied.length === 0 ? 'up to date' : `applied now: ${applied.join(', ')}`}${role}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
