import { type ChatModel, type ChatReply, type ChatRequest, ModelError } from '@switchyard/agent';
import type { NodePorts, Outbound } from '@switchyard/runtime';
import type { Process } from './process.ts';
import { ORIGIN } from './reference-pipeline.ts';

/*
 * The world outside: requests, code, a model. Each remembers what was done to it, with the last seq of the run's journal at
 * that moment, and answers by the request alone, so that a run gives the same values whatever happens to its workers.
 */

/** One effect on the world, written down when it begins. */
export type Effect = {
  readonly kind: 'request' | 'post' | 'code' | 'tool';
  readonly runId: string;
  readonly stepKey: string;
  /** Of a tool: the call's id. */
  readonly call: string | null;
  /** Last seq of the run when it began. */
  readonly seq: number;
  /** Who did it. */
  readonly process: string;
};

/** The same for each repetition of an effect. */
export const nameOf = ({ runId, stepKey, call }: Effect): string => `${runId}/${stepKey}/${call ?? ''}`;

/** What the doubles need of the simulation. */
export type Outside = {
  readonly effects: Effect[];
  /** How often each was done. */
  readonly times: Map<string, number>;
  readonly seqOf: (runId: string) => number;
  /** How troublesome the world is, each in [0, 1]. */
  readonly trouble: { readonly slow: number; readonly model: number };
  readonly fired: (fault: string) => void;
};

const PATH = new RegExp(`^${ORIGIN}/([^/]+)/([^?]+?)(?:\\.call\\.(.+?))?(?:\\?fails=(\\d+))?$`);

/** Writes an effect down. `name`: RUN/STEP, of a tool RUN/STEP.call.CALL. */
function note(outside: Outside, process: Process, url: string, kind: Effect['kind']) {
  const [, runId = '', stepKey = '', call, fails = '0'] = PATH.exec(url) ?? [];
  const effect: Effect = {
    kind: call === undefined ? kind : 'tool',
    runId,
    stepKey,
    call: call ?? null,
    seq: outside.seqOf(runId),
    process: process.name,
  };
  const name = nameOf(effect);
  const before = outside.times.get(name) ?? 0;
  outside.times.set(name, before + 1);
  outside.effects.push(effect);
  return { failing: before < Number(fails), size: url.length };
}

async function pass(outside: Outside, process: Process, signal?: AbortSignal): Promise<void> {
  const slow = process.chance.happens(outside.trouble.slow);
  if (slow) outside.fired('slow effect');
  await process.clock.sleep(slow ? process.chance.between(500, 12_000) : process.chance.between(1, 8), signal);
}

function outboundOf(outside: Outside, process: Process): Outbound {
  return {
    send: async ({ method, url, signal }) => {
      const { failing } = note(outside, process, url, method === 'POST' ? 'post' : 'request');
      await pass(outside, process, signal);
      const text = failing ? 'not yet' : `page ${url}`;
      return {
        status: failing ? 500 : 200,
        url,
        headers: { 'content-type': 'text/plain' },
        body: Buffer.from(text),
        text: () => text,
      };
    },
    resolve: async (host) => host,
    close: async () => {},
  };
}

/** `RUN/STEP turns calls` is the whole task. */
function taskOf(request: Pick<ChatRequest, 'messages'>) {
  const user = request.messages.find((message) => message.role === 'user');
  const [name = '', turns = '1', calls = '1'] = (user?.content ?? '').split(' ');
  return { name, turns: Number(turns), calls: Number(calls) };
}

function replyTo(request: ChatRequest): ChatReply {
  const { name, turns, calls } = taskOf(request);
  const turn = request.messages.filter((message) => message.role === 'assistant').length;
  const plain = { model: 'double', thought: `turn ${turn}`, usage: { prompt: 100, completion: 10 } };
  if (turn >= turns || request.tools.length === 0)
    return { ...plain, text: `done ${name}`, calls: [], finishReason: 'stop' };
  const made = Array.from({ length: calls }, (_, i) => {
    const id = `${turn}-${i}`;
    const address = `${ORIGIN}/${name}.call.${id}`;
    return i % 2 === 0
      ? { id, name: 'http_fetch', arguments: JSON.stringify({ url: address }) }
      : { id, name: 'run_code', arguments: JSON.stringify({ code: address }) };
  });
  return { ...plain, text: '', calls: made, finishReason: 'tool_calls' };
}

/** A model that streams; sometimes slowly, so that checkpoints are written, and sometimes not to the end. */
function modelOf(outside: Outside, process: Process): ChatModel {
  return {
    countTokens: async () => 100,
    chat: async (request, { signal, onDelta }) => {
      const { chance, clock } = process;
      const trouble = chance.happens(outside.trouble.model) ? chance.below(3) : null;
      const pieces = trouble === 0 ? 4 : 1;
      if (trouble === 0) outside.fired('slow turn');
      for (let i = 0; i < pieces; i++) {
        await clock.sleep(trouble === 0 ? 1_500 : chance.between(2, 10), signal);
        onDelta({ thought: `piece ${i} `, tokens: [i] });
      }
      if (trouble === 1) {
        outside.fired('torn turn');
        throw new ModelError('model_unreachable', 'the stream broke', { retryable: true, hint: 'wait' });
      }
      const reply = replyTo(request);
      if (trouble !== 2) return reply;
      outside.fired('empty turn');
      return { ...reply, text: '', calls: [], finishReason: 'stop' };
    },
  };
}

/** All ports of one process. */
export function portsOf(outside: Outside, process: Process): NodePorts {
  const { chance, clock } = process;
  const model = modelOf(outside, process);
  return {
    clock,
    random: {
      fraction: () => chance.fraction(),
      bytes: (count) => Buffer.from(Array.from({ length: count }, () => chance.below(256))),
    },
    http: outboundOf(outside, process),
    sandbox: {
      runScript: async (code, options) => {
        note(outside, process, code, 'code');
        await pass(outside, process, options?.signal);
        return { text: `value of ${code}`, console: [] };
      },
      runFunction: async (_code, input, options) => {
        note(outside, process, `${ORIGIN}/${String(input)}`, 'code');
        await pass(outside, process, options?.signal);
        return { value: { size: 36 }, console: [] };
      },
      close: async () => {},
    },
    models: { open: async () => ({ model, contextTokens: null }) },
    documents: { search: async () => [] },
    credentials: { get: async () => null },
  };
}
