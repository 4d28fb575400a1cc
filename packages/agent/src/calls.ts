import { checkCall } from './call-check.ts';
import type { AgentEvent, Tool } from './contract.ts';
import { ToolInDoubt } from './errors.ts';
import type { CallRecord, TurnRecord } from './history.ts';
import type { Session } from './session.ts';

/*
 * Calls of one turn run side by side, and each result is written as it comes: a result that is in the journal is never
 * asked for again. A call whose intent is there without a result was under way when its worker was lost; whether it had
 * an effect is unknown, and the tool's policy says what happens.
 */

const OUTCOME_UNKNOWN =
  'error: the worker was lost during this call; it is not known whether it was carried out, and it was not repeated';
const TAKEN_AS_DONE = 'The call was carried out; its result is not known.';

type Outcome = { readonly text: string; readonly failed: boolean };

/** A result line of a failure. */
export const errorLine = (error: unknown): string =>
  `error: ${(error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').trim()}`;

/**
 * Brings every call of the turn to a result. `begun`: by this very process, or by one that was lost. Throws `ToolInDoubt`
 * when a person has to decide, after all other calls have their results; else what the journal or an abort throws.
 */
export async function finishCalls(session: Session, turn: TurnRecord, begun: 'here' | 'elsewhere'): Promise<void> {
  const open = turn.calls.filter((record) => record.result === null);
  const doubtful = begun === 'elsewhere' ? open.filter((record) => asksPerson(session, record)) : [];
  const ends = await Promise.allSettled(
    open.filter((record) => !doubtful.includes(record)).map((record) => finishCall(session, turn, record, begun)),
  );
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
  const [first] = doubtful;
  if (!first) return;
  await session.write(() =>
    doubtful
      .filter((record) => !record.inDoubt)
      .map((record) => ({ kind: 'tool.in_doubt', data: { call: record.call.id } })),
  );
  throw new ToolInDoubt(first.call.id);
}

const toolOf = (session: Session, record: CallRecord): Tool | undefined =>
  session.ports.tools.find((tool) => tool.declaration.name === record.call.name);

function asksPerson(session: Session, record: CallRecord): boolean {
  if (record.decision !== null) return false;
  return record.policy === 'ask' || (record.policy === 'verify' && toolOf(session, record)?.verify === undefined);
}

async function finishCall(
  session: Session,
  turn: TurnRecord,
  record: CallRecord,
  begun: 'here' | 'elsewhere',
): Promise<void> {
  const from = session.ports.clock.elapsed();
  const outcome = begun === 'here' ? await makeCall(session, record) : await recoverCall(session, record);
  const ms = Math.round(session.ports.clock.elapsed() - from);
  await session.write(() => {
    const events: AgentEvent[] = [
      {
        kind: 'tool.finished',
        data: {
          turn: turn.turn,
          call: record.call.id,
          result: session.ports.journal.store(outcome.text),
          failed: outcome.failed,
          ms,
        },
      },
    ];
    const isLast = turn.calls.every((other) => other === record || other.result !== null);
    if (isLast) events.push({ kind: 'turn.started', data: { turn: session.state.lastTake + 1 } });
    return events;
  });
}

async function recoverCall(session: Session, record: CallRecord): Promise<Outcome> {
  const choice = record.decision ?? record.policy;
  switch (choice) {
    case 'use':
      return { text: TAKEN_AS_DONE, failed: false };
    case 'fail':
      return { text: OUTCOME_UNKNOWN, failed: true };
    case 'verify': {
      const known = await attempt(
        session,
        record,
        async (tool, args, context) => (await tool.verify?.(args, context)) ?? null,
      );
      return known ?? makeCall(session, record);
    }
    default:
      return makeCall(session, record);
  }
}

const makeCall = async (session: Session, record: CallRecord): Promise<Outcome> =>
  (await attempt(session, record, (tool, args, context) => tool.call(args, context))) ?? { text: '', failed: false };

async function attempt(
  session: Session,
  record: CallRecord,
  act: (
    tool: Tool,
    args: Record<string, unknown>,
    context: { signal: AbortSignal; idempotencyKey: string },
  ) => Promise<string | null>,
): Promise<Outcome | null> {
  const checked = checkCall(session.ports.tools, record.call);
  if (!checked.ok) return { text: checked.result, failed: true };
  const { signal } = session.ports;
  try {
    const text = await act(checked.tool, checked.args, {
      signal,
      idempotencyKey: `${session.identity}/${record.call.id}`,
    });
    return text === null ? null : { text, failed: text.startsWith('error: ') };
  } catch (error) {
    // a call that was cut off by our own stop has no result: the next worker follows the policy
    signal.throwIfAborted();
    return { text: errorLine(error), failed: true };
  }
}
