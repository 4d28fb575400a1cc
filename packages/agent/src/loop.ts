import type { ToolCall } from '@switchyard/pipeline';
import { checkCall } from './call-check.ts';
import { finishCalls } from './calls.ts';
import { fingerprint } from './canonical.ts';
import type { AgentEvent, AgentResult, ChatReply, RunAgent, ToolDeclaration } from './contract.ts';
import { AgentPaused } from './errors.ts';
import { BLOCKED, goesInCircles, judgeCall } from './guard.ts';
import { keptTurns, openTurn } from './history.ts';
import { patiently } from './patience.ts';
import { CALL_WITHOUT_TOOLS, CUT, failureFor, NO_PROGRESS, NOTHING_SAID, takeBack, takeTemperature } from './retake.ts';
import { openSession, type Session } from './session.ts';
import { chatRequest, type TakenTurn, type TurnRequest, takeTurn } from './turn.ts';
import { buildMessages, planWindow } from './window.ts';

/*
 * The loop is a fold: what to do next follows from the events so far, so a worker that was killed anywhere is followed
 * by one that does the next thing.
 *
 *   a call without result      → finish it (policy of its tool where another worker began it)
 *   an answer                  → done
 *   too many takes for nothing → fail
 *   else                       → take the next turn:
 *        [window.compacted] [budget.spent] [turn.started]
 *        → the model
 *        → turn.finished + tool.started of each call (+ tool.finished of calls that are not made)   ONE append, before any effect
 *        | turn.incomplete (+ turn.incomplete of turns that are taken back)                         and again
 */

/**
 * Runs the loop to its answer, beginning where `history` ends. Guarantee: every effect stands as an intent in the journal
 * before it begins, and a recorded result is never asked for again. Throws `AgentFailure`, `ModelError`, `ToolInDoubt`, `AgentPaused`,
 * what the journal port throws, or the reason of an abort.
 */
export const runAgent: RunAgent = async (request, history, ports) => {
  const session = openSession(request, history, ports);
  const { state } = session;
  const left = openTurn(state);
  if (left) await finishCalls(session, left, 'elsewhere');
  for (;;) {
    session.ports.signal.throwIfAborted();
    const answer = answerOf(session);
    if (answer) return answer;
    if (state.retakes > request.retakes) throw failureFor(state.lastReason, state.retakes);
    if (session.ports.paused?.() === true) throw new AgentPaused();
    await takeNext(session);
    const open = openTurn(state);
    if (open) await finishCalls(session, open, 'here');
  }
};

/** The accepted answer, when the journal ends with one: refused ones are never written as finished turns. */
function answerOf({ state }: Session): AgentResult | null {
  const last = state.turns.at(-1);
  if (!last || last.takenBack || last.calls.length > 0) return null;
  return {
    text: last.text,
    turns: state.turns.length,
    calls: state.calls.size,
    usage: state.usage,
    partial: state.turnsSpent,
  };
}

async function takeNext(session: Session): Promise<void> {
  const { request, ports, state } = session;
  const isLast = turnsAreSpent(session);
  const tools = isLast ? [] : ports.tools.map((tool) => tool.declaration);
  await openTake(session, tools, isLast);
  const turn: TurnRequest = {
    turn: state.lastTake + 1,
    messages: await buildMessages(request, state, session.load),
    tools,
    temperature: takeTemperature(request, state.streak),
    maxTokens: request.maxTokens,
    seed: (request.seed ?? 0) + state.lastTake + 1,
    checkpoint: state.checkpoint?.turn === state.lastTake + 1 ? state.checkpoint : null,
  };
  const taken = await takeTurn(turn, ports, (events) => session.write(() => events));
  const problem = await findProblem(session, taken.reply, isLast);
  if (problem === null) await recordTurn(session, turn, taken);
  else await recordNothing(session, turn.turn, taken.reply, problem);
}

/** Takes that gave nothing do not use up turns, but there is an end to them too. */
function turnsAreSpent({ request, state }: Session): boolean {
  return (
    state.turnsSpent ||
    keptTurns(state).length >= request.maxTurns ||
    state.lastTake >= 2 * request.maxTurns + request.retakes
  );
}

async function openTake(session: Session, tools: readonly ToolDeclaration[], isLast: boolean): Promise<void> {
  const { request, ports, state } = session;
  const hidden = await planWindow(request, state, {
    tools,
    load: session.load,
    count: (messages) => patiently(ports, () => ports.model.countTokens({ messages, tools })),
  });
  const events: AgentEvent[] = [];
  if (hidden !== null) events.push({ kind: 'window.compacted', data: { hidden } });
  if (isLast && !state.turnsSpent) events.push({ kind: 'budget.spent', data: { budget: 'turns' } });
  if (state.announced <= state.lastTake) events.push({ kind: 'turn.started', data: { turn: state.lastTake + 1 } });
  await session.write(() => events);
}

/** Why this reply is no turn, or null. Calls win over the finish reason, but a cut reply's calls may be cut too. */
async function findProblem(session: Session, reply: ChatReply, isLast: boolean): Promise<string | null> {
  if (reply.finishReason === 'length') return CUT;
  if (reply.calls.length > 0) {
    if (isLast) return CALL_WITHOUT_TOOLS;
    const stuck = goesInCircles(session.state) || reply.calls.some((call) => judgeCall(session.state, call) === 'end');
    return stuck ? NO_PROGRESS : null;
  }
  if (reply.text.trim() === '') return NOTHING_SAID;
  const refusal = session.request.accept?.({ text: reply.text, lastResult: await lastResult(session) }) ?? null;
  return refusal === null ? null : `refused: ${refusal}`;
}

async function lastResult(session: Session): Promise<string> {
  const record = keptTurns(session.state).at(-1)?.calls.at(-1);
  return record ? session.loadWhole(record) : '';
}

/** Records the turn, the intents of its calls and the results of calls that are not made, in one append. */
async function recordTurn(session: Session, turn: TurnRequest, taken: TakenTurn): Promise<void> {
  const { reply, modelMs } = taken;
  const calls = withOwnIds(session, turn.turn, reply.calls);
  const follow: AgentEvent[] = [];
  let intents = 0;
  for (const call of calls) {
    const checked = checkCall(session.ports.tools, call);
    const refusal = judgeCall(session.state, call) === 'block' ? BLOCKED : checked.ok ? null : checked.result;
    if (refusal !== null)
      follow.push({
        kind: 'tool.finished',
        data: { turn: turn.turn, call: call.id, result: { inline: refusal }, failed: true, ms: 0 },
      });
    else if (checked.ok) {
      intents += 1;
      follow.push({ kind: 'tool.started', data: { turn: turn.turn, call, policy: checked.tool.policy } });
    }
  }
  const finished: AgentEvent = {
    kind: 'turn.finished',
    data: {
      turn: turn.turn,
      model: reply.model,
      requestSha256: fingerprint(chatRequest(turn)),
      thought: reply.thought,
      text: reply.text,
      calls: [...calls],
      finishReason: reply.finishReason,
      usage: reply.usage,
      ...(reply.tokens ? { tokens: [...reply.tokens] } : {}),
      modelMs,
    },
  };
  await session.write(() => [finished, ...follow], { intent: intents > 0 });
}

/** In the journal a call's id names it in the whole run; a model that counts anew after turns were taken back repeats ids. */
function withOwnIds({ state }: Session, turn: number, calls: readonly ToolCall[]): readonly ToolCall[] {
  const used = new Set<string>();
  return calls.map((call, place) => {
    const written = call.id === '' ? `call:${turn}` : call.id;
    let id = written;
    if (state.calls.has(id) || used.has(id)) id = `${written}@${turn}`;
    if (used.has(id)) id = `${written}@${turn}.${place}`;
    used.add(id);
    return { ...call, id };
  });
}

async function recordNothing(session: Session, turn: number, reply: ChatReply, reason: string): Promise<void> {
  const { state, request } = session;
  const events: AgentEvent[] = [
    {
      kind: 'turn.incomplete',
      data: {
        turn,
        reason,
        thought: reply.thought,
        text: reply.text,
        usage: reply.usage,
        ...(reply.tokens ? { tokens: [...reply.tokens] } : {}),
      },
    },
  ];
  // the last take back is for the step's own retry, should it have one
  events.push(...takeBack(state, reason, state.streak + 1));
  if (state.retakes < request.retakes) events.push({ kind: 'turn.started', data: { turn: turn + 1 } });
  await session.write(() => events);
}
