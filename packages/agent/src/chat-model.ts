import { createParser } from 'eventsource-parser';
import { z } from 'zod';
import { collectTurn, type TurnCollector } from './chat-stream.ts';
import { chatBody, type Dialect, tokenizeBody } from './chat-wire.ts';
import type { ChatModel, ChatReply, ChatRequest, Clock } from './contract.ts';
import { ModelError } from './errors.ts';
import type { HttpAnswer, HttpPort } from './http.ts';

export type { Dialect } from './chat-wire.ts';

/** A model connection and the ports to reach it by. */
export type ChatModelOptions = {
  /** Up to and with the version: `http://127.0.0.1:7071/v1`. */
  readonly baseUrl: string;
  readonly apiKey?: string;
  readonly model: string;
  readonly dialect: Dialect;
  readonly http: HttpPort;
  readonly clock: Clock;
  /** Milliseconds without a byte after which a server counts as hung. Default 120,000. */
  readonly idleMs?: number;
};

type Connection = ChatModelOptions & {
  readonly idleMs: number;
  /** Whether the server counts prompts at `/tokenize`, which is also the sign that it continues cut turns; null: not asked yet. */
  counts: boolean | null;
};

const DEFAULT_IDLE_MS = 120_000;

/**
 * A model behind the OpenAI chat protocol. Every failure is a `ModelError`, or the abort reason when `signal` fired; an
 * abort closes the connection. Sends nothing twice by itself: taking again is the loop's decision.
 */
export function createChatModel(options: ChatModelOptions): ChatModel {
  const connection: Connection = {
    ...options,
    baseUrl: options.baseUrl.replace(/\/+$/, ''),
    idleMs: options.idleMs ?? DEFAULT_IDLE_MS,
    counts: options.dialect === 'openai' ? false : null,
  };
  return {
    async chat(request, { signal, onDelta }) {
      const resume =
        request.resume && request.resume.tokens.length > 0 && (await canContinue(connection, request, signal))
          ? request.resume
          : null;
      const body = chatBody(request, {
        model: connection.model,
        dialect: connection.dialect,
        partial: resume?.tokens ?? null,
      });
      return watched(connection, signal, async (inner, alive) => {
        const answer = await post(connection, '/chat/completions', body, inner);
        alive();
        if (answer.status !== 200) throw await statusError(connection, answer);
        if (resume) onDelta(resume);
        return readTurn(answer, collectTurn(connection.model, resume, onDelta), alive);
      });
    },
    async countTokens(request) {
      return (await tokenize(connection, request, new AbortController().signal)) ?? estimateTokens(request);
    },
  };
}

/** A server that ignores continuation would begin anew and the turn would hold its beginning twice. */
async function canContinue(connection: Connection, request: ChatRequest, signal: AbortSignal): Promise<boolean> {
  if (connection.counts === null) await tokenize(connection, request, signal);
  return connection.counts === true;
}

const Count = z.object({ count: z.number().int() });

async function tokenize(
  connection: Connection,
  request: Pick<ChatRequest, 'messages' | 'tools'>,
  signal: AbortSignal,
): Promise<number | null> {
  if (connection.counts === false) return null;
  return watched(connection, signal, async (inner) => {
    const answer = await post(connection, '/tokenize', tokenizeBody(request, connection.model), inner);
    if (answer.status === 404 || answer.status === 405 || answer.status === 501) {
      await answer.text();
      connection.counts = false;
      return null;
    }
    if (answer.status !== 200) throw await statusError(connection, answer);
    const parsed = Count.safeParse(JSON.parse(await answer.text()));
    connection.counts = parsed.success;
    return parsed.success ? parsed.data.count : null;
  });
}

/** Rather too many than too few: three bytes a token, and some for the marks around each message. */
function estimateTokens(request: Pick<ChatRequest, 'messages' | 'tools'>): number {
  const BYTES_PER_TOKEN = 3;
  return Math.ceil(
    Buffer.byteLength(JSON.stringify(request.messages) + JSON.stringify(request.tools)) / BYTES_PER_TOKEN,
  );
}

async function post(connection: Connection, path: string, body: string, signal: AbortSignal): Promise<HttpAnswer> {
  try {
    return await connection.http(`${connection.baseUrl}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream, application/json',
        ...(connection.apiKey ? { authorization: `Bearer ${connection.apiKey}` } : {}),
      },
      body,
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    throw new ModelError('model_unreachable', `the model server at ${connection.baseUrl} cannot be reached`, {
      retryable: true,
      hint: 'Is the server of this model connection running?',
      cause: error,
    });
  }
}

async function readTurn(answer: HttpAnswer, turn: TurnCollector, alive: () => void): Promise<ChatReply> {
  if ((answer.headers.get('content-type') ?? '').includes('application/json')) {
    turn.take(await answer.text());
  } else {
    await readEvents(answer, turn, alive);
  }
  if (!turn.finished) throw brokenStream();
  return turn.reply();
}

async function readEvents(answer: HttpAnswer, turn: TurnCollector, alive: () => void): Promise<void> {
  const parser = createParser({ onEvent: (event) => (event.data === '[DONE]' ? undefined : turn.take(event.data)) });
  const decoder = new TextDecoder();
  try {
    for await (const bytes of answer.body ?? []) {
      alive();
      parser.feed(decoder.decode(bytes, { stream: true }));
    }
  } catch (error) {
    if (error instanceof ModelError) throw error;
    // everything that matters has come when the finish reason has
    if (!turn.finished) throw brokenStream(error);
  }
}

const brokenStream = (cause?: unknown): ModelError =>
  new ModelError('model_failed', 'the connection to the model server broke before the turn was finished', {
    retryable: true,
    hint: 'The model server may have been restarted.',
    cause,
  });

/** Runs `act` under a signal that also fires when nothing was heard for `idleMs`. */
async function watched<T>(
  connection: Connection,
  signal: AbortSignal,
  act: (signal: AbortSignal, alive: () => void) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const { clock, idleMs } = connection;
  const hung = new AbortController();
  const done = new AbortController();
  let heard = clock.elapsed();
  const watch = async (): Promise<void> => {
    for (let left = idleMs; left > 0; left = heard + idleMs - clock.elapsed()) await clock.sleep(left, done.signal);
    if (!done.signal.aborted) hung.abort();
  };
  // the sleep rejects when the turn is done first
  watch().catch(() => undefined);
  try {
    return await act(AbortSignal.any([signal, hung.signal]), () => {
      heard = clock.elapsed();
    });
  } catch (error) {
    signal.throwIfAborted();
    if (hung.signal.aborted) {
      throw new ModelError('model_idle', `the model server sent nothing for ${Math.round(idleMs / 1000)} s`, {
        retryable: true,
        hint: 'The model server may be overloaded or hung.',
        cause: error,
      });
    }
    throw error;
  } finally {
    done.abort();
  }
}

async function statusError(connection: Connection, answer: HttpAnswer): Promise<ModelError> {
  const text = (await answer.text().catch(() => '')).slice(0, 2_000);
  const why = messageIn(text) ?? `status ${answer.status}`;
  const of = (code: ConstructorParameters<typeof ModelError>[0], retryable: boolean, hint: string): ModelError =>
    new ModelError(code, `the model server refused the request: ${why}`, { retryable, hint });
  if (answer.status === 401 || answer.status === 403)
    return of('model_unauthorized', false, 'Check the key of the model connection.');
  if (answer.status === 404)
    return of(
      'model_not_found',
      false,
      `Does the server know the model ${JSON.stringify(connection.model)}, and does the base URL end in /v1?`,
    );
  if (answer.status === 408 || answer.status === 425 || answer.status === 429 || answer.status === 503)
    return of('model_overloaded', true, 'The server is busy, loading, or limits requests.');
  if (answer.status >= 500) return of('model_failed', true, 'See the log of the model server.');
  return of(
    'model_refused',
    false,
    'The request does not suit this model: often the prompt is longer than its context.',
  );
}

const ErrorBody = z.object({ error: z.union([z.string(), z.object({ message: z.string() })]) });

function messageIn(text: string): string | null {
  try {
    const { error } = ErrorBody.parse(JSON.parse(text));
    return typeof error === 'string' ? error : error.message;
  } catch {
    return text === '' ? null : text.slice(0, 200).replace(/\s+/g, ' ');
  }
}
