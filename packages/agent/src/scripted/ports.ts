import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { JournalEvent } from '@switchyard/pipeline';
import { createChatModel, type Dialect } from '../chat-model.ts';
import type { AgentEvent, AgentJournal, AgentPorts, AgentRequest, Clock, Tool } from '../contract.ts';

/*
 * The ports of the agent for tests: a journal in memory that can refuse, a clock whose waits take no time.
 */

/** Waits under 10 s end at once and move the time on; longer ones end only by `advance` or an abort. */
export type TestClock = Clock & { advance(ms: number): void };

/** A clock at zero. */
export function testClock(): TestClock {
  const LONG_MS = 10_000;
  let time = 0;
  const sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();
  const advance = (ms: number): void => {
    time += ms;
    for (const sleeper of [...sleepers]) if (sleeper.until <= time) sleeper.wake();
  };
  return {
    now: () => time,
    elapsed: () => time,
    advance,
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      if (ms < LONG_MS) {
        await turnOfTheLoop();
        advance(ms);
        signal?.throwIfAborted();
        return;
      }
      await new Promise<void>((resolve, reject) => {
        const sleeper = { until: time + ms, wake: () => end(resolve) };
        const onAbort = (): void => end(() => reject(signal?.reason));
        const end = (settle: () => void): void => {
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', onAbort);
          settle();
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', onAbort);
      });
    },
  };
}

/** One append as the loop made it. */
export type Append = { readonly events: readonly AgentEvent[]; readonly intent: boolean };
/** A journal that shows what was written. */
export type TestJournal = AgentJournal & { readonly appends: Append[]; readonly events: AgentEvent[] };

/** The journal's rows of these events, as a later worker would read them. */
export const asHistory = (events: readonly AgentEvent[]): JournalEvent[] =>
  events.map((event, place) => ({
    ...event,
    runId: 'run',
    seq: place + 1,
    stepKey: 'agent',
    epoch: 1,
    n: place + 1,
    at: '2026-01-01T00:00:00.000Z',
  }));

/** `before` runs ahead of every append and may throw, like a lost lease. */
export function testJournal(before: (append: Append, number: number) => void = () => undefined): TestJournal {
  const journal: TestJournal = {
    appends: [],
    events: [],
    async append(events, { intent }) {
      const append = { events, intent };
      before(append, journal.appends.length + 1);
      journal.appends.push(append);
      journal.events.push(...events);
    },
    store: (text) => ({ inline: text }),
    load: async (value) => ('inline' in value && typeof value.inline === 'string' ? value.inline : ''),
  };
  return journal;
}

/** A tool that answers by `answer` and keeps its arguments. */
export function testTool(
  name: string,
  answer: (
    args: Record<string, unknown>,
    context: { signal: AbortSignal; idempotencyKey: string },
  ) => string | Promise<string>,
  more: Partial<Tool> = {},
): Tool & { readonly asked: Record<string, unknown>[] } {
  const asked: Record<string, unknown>[] = [];
  return {
    declaration: {
      name,
      description: 'For tests.',
      parameters: { type: 'object', properties: { x: { type: 'string' } }, required: ['x'] },
    },
    effect: 'none',
    policy: 'repeat',
    asked,
    async call(args, context) {
      asked.push(args);
      return answer(args, context);
    },
    ...more,
  };
}

/** A request with room for everything. */
export const testRequest = (more: Partial<AgentRequest> = {}): AgentRequest => ({
  system: 'Be brief.',
  prompt: 'Do it.',
  temperature: 0,
  maxTokens: 100,
  maxTurns: 50,
  windowTokens: 100_000,
  retakes: 3,
  ...more,
});

/** All ports, the model over real HTTP. */
export function testPorts(
  baseUrl: string,
  more: Partial<AgentPorts> & { readonly dialect?: Dialect } = {},
): AgentPorts & { readonly journal: AgentJournal } {
  const clock = more.clock ?? testClock();
  return {
    model: createChatModel({
      baseUrl,
      apiKey: 'key',
      model: 'scripted',
      dialect: more.dialect ?? 'kimi',
      http: fetch,
      clock,
    }),
    tools: [],
    journal: testJournal(),
    signal: new AbortController().signal,
    clock,
    ...more,
  };
}
