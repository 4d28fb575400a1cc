import { checkInvariants } from '@switchyard/journal';
import type { JournalEvent } from '@switchyard/pipeline';
import type { Hit } from '../harness/sink.ts';
import type { Ground, Struck } from './ground.ts';

/*
 * What must hold after any kill: the journal's own promises; each run ended as its script may; and at the sink, what is
 * recorded was never asked again, what may be repeated came at most once per claim of its step, and what may not came once at
 * most.
 */

/** All violations, one line each; and the kinds of events that occurred. */
export type Audit = { readonly violations: readonly string[]; readonly kinds: ReadonlySet<string> };

/** Looks at every run and at the whole journal. */
export async function audit(ground: Ground, runs: readonly Struck[]): Promise<Audit> {
  const violations: string[] = [];
  const kinds = new Set<string>();
  for (const { id, promise, broken } of await checkInvariants(ground.parts.databaseUrl))
    violations.push(...broken.map((run) => `${id} ${promise}: run ${run}`));
  for (const run of runs) {
    const events = await ground.database.journal.events(run.runId, { after: 0 });
    const called = await ground.parts.sql<{ id: string }>('select id from run where parent_run = $1', [run.runId]);
    const below = await Promise.all(called.map(({ id }) => ground.database.journal.events(id, { after: 0 })));
    const all = [...below.flat(), ...events];
    for (const event of all) kinds.add(event.kind);
    violations.push(...problemsOf(run, all, ground.sink.of(run.token)));
  }
  const started = await ground.parts.sql<{ runs: number }>(
    "select count(*)::int as runs from run where trigger_kind = 'manual'",
  );
  if (started[0]?.runs !== runs.length)
    violations.push(`${runs.length} runs were asked for, the journal has ${started[0]?.runs}`);
  return { violations, kinds };
}

function problemsOf(run: Struck, events: readonly JournalEvent[], hits: readonly Hit[]): string[] {
  const problem = (text: string): string => `${run.script.name} ${run.runId}: ${text}`;
  const problems: string[] = [];
  const end = endOf(events);
  if (!run.script.ends.includes(end)) problems.push(problem(`ended with ${end}`));
  const recorded = recordedAt(events);
  for (const path of new Set(hits.map((hit) => hit.path))) {
    const own = hits.filter((hit) => hit.path === path);
    const at = recorded.get(path.replace(`/${run.token}`, ''));
    const late = own.filter((hit) => at !== undefined && hit.at > at);
    if (late.length > 0) problems.push(problem(`${path} was asked again after its result was recorded`));
    const most = mostOf(path.replace(`/${run.token}`, ''), own, events);
    if (own.length > most) problems.push(problem(`${path} was asked ${own.length} times, at most ${most} may be`));
  }
  return problems;
}

function endOf(events: readonly JournalEvent[]): string {
  const last = events.at(-1);
  return last?.kind === 'run.failed' ? last.data.failure.code : (last?.kind ?? 'nothing');
}

/** A POST may not be repeated in silence; anything else may be asked once by each claim of its step, and a claim more takes a death or a retry. */
function mostOf(address: string, hits: readonly Hit[], events: readonly JournalEvent[]): number {
  if (hits[0]?.method === 'POST') return 1;
  const isOwn = (stepKey: string | null): boolean =>
    address.startsWith('/page/') ? stepKey === 'work' : addressOf(stepKey ?? '') === address;
  return events.filter((event) => event.kind === 'step.started' && isOwn(event.stepKey)).length;
}

/** By address without the token: when its result was committed, ms since 1970 by the same machine's clock. */
function recordedAt(events: readonly JournalEvent[]): Map<string, number> {
  const recorded = new Map<string, number>();
  const calls = new Map<string, string>();
  for (const event of events) {
    if (event.kind === 'tool.started') {
      const { url } = JSON.parse(event.data.call.arguments) as { url: string };
      const [, node, , index] = new URL(url).pathname.split('/');
      calls.set(event.data.call.id, `/${node}/${index}`);
    }
    if (event.kind === 'tool.finished') recorded.set(calls.get(event.data.call) ?? '', Date.parse(event.at));
    if (event.kind === 'step.succeeded' || event.kind === 'step.failed')
      recorded.set(addressOf(event.stepKey ?? ''), Date.parse(event.at));
  }
  return recorded;
}

/** `get` is asked at `/get`, and in iteration 2 of `each` at `/get/2`. */
function addressOf(stepKey: string): string {
  const inLoop = /\[(\d+)\]\/([^/[\]]+)$/.exec(stepKey);
  return inLoop ? `/${inLoop[2]}/${inLoop[1]}` : `/${stepKey}`;
}
