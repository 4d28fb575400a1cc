import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrate } from '@switchyard/journal';
import { parseDocument } from '@switchyard/pipeline';
import { z } from 'zod';
import { type Api, openApi } from './api.ts';
import type { CliConfig } from './config.ts';
import { diagnose } from './doctor.ts';
import { CliFailure } from './failure.ts';
import type { System } from './system.ts';

/** What a command gets. `say` writes a line of result to stdout, `note` one of progress to stderr. */
export type Setting = {
  readonly config: CliConfig;
  readonly system: System;
  readonly environment: NodeJS.ProcessEnv;
  readonly say: (line: string) => void;
  readonly note: (line: string) => void;
};

/** Words after the command's name. */
export type Words = {
  readonly positional: readonly string[];
  readonly options: Readonly<Record<string, string | undefined>>;
  readonly flags: Readonly<Record<string, boolean | undefined>>;
};

/** A command: how it is called, what it does in one line. `run` throws CliFailure. */
export type Command = {
  readonly name: string;
  readonly usage: string;
  readonly help: string;
  readonly options?: readonly string[];
  /** Options without a word after them. */
  readonly flags?: readonly string[];
  readonly run: (setting: Setting, words: Words) => Promise<void>;
};

const page = <T extends z.ZodType>(row: T) => z.object({ items: z.array(row), next: z.string().nullable() });
const summary = z.object({ id: z.string(), slug: z.string(), name: z.string() });
const pipelineRow = summary.extend({ version: z.number(), document: z.unknown() });
const runRow = z.object({
  id: z.string(),
  pipelineName: z.string(),
  state: z.string(),
  createdAt: z.string(),
  endedAt: z.string().nullable(),
});
const runAnswer = z.object({ run: runRow });
const started = z.object({ runId: z.string() });
const eventRow = z.looseObject({ seq: z.number(), kind: z.string() });
const eventPage = z.object({ events: z.array(eventRow) });

const POLL_MS = 300;
const EVENTS_A_PAGE = 500;
const RUNS_SHOWN = 20;

/** All commands, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  { name: 'up', usage: 'up', help: 'start the product on this machine and stay until Ctrl-C', run: up },
  { name: 'migrate', usage: 'migrate', help: 'bring the database to this build', run: migrateDatabase },
  {
    name: 'run',
    usage: 'run SLUG [--input JSON]',
    help: 'run a published pipeline and follow it to its end',
    options: ['input'],
    run: runPipeline,
  },
  { name: 'runs', usage: 'runs [--state STATE]', help: 'the latest runs', options: ['state'], run: listRuns },
  { name: 'export', usage: 'export ID|SLUG', help: "write a pipeline's draft as JSON to stdout", run: exportPipeline },
  {
    name: 'import',
    usage: 'import FILE [--name NAME]',
    help: 'make a pipeline from a JSON file',
    options: ['name'],
    run: importPipeline,
  },
  {
    name: 'doctor',
    usage: 'doctor [--json]',
    help: 'check connections, migrations and the invariants of the journal',
    flags: ['json'],
    run: doctor,
  },
];

function need(words: Words, what: string): string {
  const [first] = words.positional;
  if (first === undefined) throw new CliFailure(2, 'usage', `${what} is missing`);
  return first;
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliFailure(
      2,
      'bad_json',
      `${what} is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function databaseOf(config: CliConfig): string {
  if (config.databaseUrl !== undefined) return config.databaseUrl;
  throw new CliFailure(
    3,
    'no_database',
    'no database is known',
    'set DATABASE_URL, or start the product once: switchyard up',
  );
}

function up({ config, environment }: Setting): Promise<void> {
  const main = join(config.root, 'apps', 'standalone', 'dist', 'main.js');
  const child = spawn(process.execPath, [main], { stdio: 'inherit', env: environment });
  // a Ctrl-C reaches both; the child decides when to end
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new CliFailure(1, 'up_failed', `the product ended with ${code ?? 'a signal'}`));
    });
  });
}

async function migrateDatabase({ config, say }: Setting): Promise<void> {
  const { applied } = await migrate(databaseOf(config), { directory: join(config.root, 'prisma', 'migrations') });
  say(applied.length === 0 ? 'the database is up to date' : `applied: ${applied.join(', ')}`);
}

async function findPipeline(api: Api, word: string): Promise<z.infer<typeof pipelineRow>> {
  const { items: rows } = await api.get(`/api/pipelines?limit=200`, page(summary));
  const found = rows.find((row) => row.id === word || row.slug === word);
  if (found === undefined) {
    const known = rows.map((row) => row.slug).join(', ');
    throw new CliFailure(
      1,
      'not_found',
      `there is no pipeline ${word}`,
      known === '' ? 'there is none yet' : `there are: ${known}`,
    );
  }
  return api.get(`/api/pipelines/${found.id}`, pipelineRow);
}

async function runPipeline({ config, system, say, note }: Setting, words: Words): Promise<void> {
  const api = openApi(config, system);
  const slug = need(words, 'the slug');
  const input = parseJson(words.options.input ?? 'null', '--input');
  const pipeline = await findPipeline(api, slug);
  const { runId } = await api.post(`/api/pipelines/${pipeline.id}/runs`, { source: 'published', input }, started);
  note(`run ${runId}: ${config.url}/runs/${runId}`);
  const { state, end } = await followRun({ api, runId, system, note });
  say(JSON.stringify({ runId, state, end }));
  if (state !== 'succeeded') throw new CliFailure(1, 'run_not_succeeded', `the run ended as ${state}`);
}

type Following = {
  readonly api: Api;
  readonly runId: string;
  readonly system: System;
  readonly note: (line: string) => void;
};

/** Notes every event until the run has ended; answers its state and the data of its last event. */
async function followRun({
  api,
  runId,
  system,
  note,
}: Following): Promise<{ readonly state: string; readonly end: unknown }> {
  let after = 0;
  let end: unknown;
  for (;;) {
    // the state first: events that come after it belong to the next look, so the end is never cut off
    const { run } = await api.get(`/api/runs/${runId}`, runAnswer);
    const { events } = await api.get(`/api/runs/${runId}/events?after=${after}&limit=${EVENTS_A_PAGE}`, eventPage);
    for (const event of events) note(describe(event));
    after = events.at(-1)?.seq ?? after;
    end = events.at(-1)?.data ?? end;
    if (run.endedAt !== null && events.length < EVENTS_A_PAGE) return { state: run.state, end };
    await system.sleep(POLL_MS);
  }
}

const describe = ({ seq, kind, stepKey }: z.infer<typeof eventRow>): string =>
  `${String(seq).padStart(5)}  ${kind}${typeof stepKey === 'string' ? `  ${stepKey}` : ''}`;

async function listRuns({ config, system, say }: Setting, words: Words): Promise<void> {
  const state = words.options.state === undefined ? '' : `&state=${encodeURIComponent(words.options.state)}`;
  const { items: rows } = await openApi(config, system).get(`/api/runs?limit=${RUNS_SHOWN}${state}`, page(runRow));
  for (const run of rows) say(`${run.id}  ${run.state.padEnd(9)}  ${run.createdAt}  ${run.pipelineName}`);
}

async function exportPipeline({ config, system, say }: Setting, words: Words): Promise<void> {
  const { name, document } = await findPipeline(openApi(config, system), need(words, 'the id or slug'));
  say(JSON.stringify({ name, document }, null, 2));
}

async function importPipeline({ config, system, say }: Setting, words: Words): Promise<void> {
  const file = need(words, 'the file');
  const json = parseJson(readFileSync(file, 'utf8'), file);
  const wrapped = z.object({ name: z.string(), document: z.unknown() }).safeParse(json);
  const parsed = parseDocument(wrapped.success ? wrapped.data.document : json);
  if (!parsed.ok) {
    throw new CliFailure(
      1,
      'invalid_document',
      parsed.problems.map((problem) => problem.message).join('; '),
      `repair ${file} and import it again`,
    );
  }
  const name = words.options.name ?? (wrapped.success ? wrapped.data.name : file.replace(/^.*[\\/]|\.json$/g, ''));
  const made = await openApi(config, system).post('/api/pipelines', { name, document: parsed.document }, summary);
  say(`${made.id}  ${made.slug}`);
}

const MARKS = new Map<boolean | null, string>([
  [true, 'ok  '],
  [false, 'BAD '],
  [null, '    '],
]);

async function doctor({ config, system, say }: Setting, words: Words): Promise<void> {
  const findings = await diagnose({ databaseUrl: databaseOf(config), url: config.url, root: config.root, system });
  if (words.flags.json === true) say(JSON.stringify({ findings }));
  else
    for (const { name, ok, note, remedy } of findings) {
      say(`${MARKS.get(ok)} ${name.padEnd(10)} ${note}`);
      if (remedy !== undefined) say(`     ${''.padEnd(10)} → ${remedy}`);
    }
  const bad = findings.filter(({ ok }) => ok === false);
  if (bad.some(({ kind }) => kind === 'invariant'))
    throw new CliFailure(1, 'broken_invariant', 'the journal breaks a promise', 'see docs/guides/doctor.md');
  if (bad.length > 0) throw new CliFailure(4, 'unhealthy', 'the doctor found problems outside of the journal');
}
