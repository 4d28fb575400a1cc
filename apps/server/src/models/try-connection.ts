import type { OpenConnection } from '@switchyard/journal';
import { z } from 'zod';
import type { Services } from '../services.ts';

/** What one short question to a model brought. `models` are those its server lists, empty when it does not say. */
export type Tried = {
  readonly ok: boolean;
  readonly message: string;
  readonly models: readonly string[];
  readonly ms: number;
};

const PATIENCE_MS = 60_000;
const MOST_BYTES = 1024 * 1024;
const Listed = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })) });
const Answer = z.looseObject({
  choices: z.array(
    z.looseObject({
      message: z.looseObject({
        content: z.string().nullish(),
        reasoning_content: z.string().nullish(),
        reasoning: z.string().nullish(),
      }),
    }),
  ),
});
const Refusal = z.looseObject({ error: z.looseObject({ message: z.string() }) });

type Said = { readonly status: number; readonly json: unknown; readonly text: string };

/** Asks for the list of models and for one short answer, as an agent step would, and says in words what came. Never throws. */
export async function tryConnection(connection: OpenConnection, services: Services): Promise<Tried> {
  const began = services.clock.now();
  const gone = new AbortController();
  const cancel = services.clock.later(PATIENCE_MS, () => gone.abort());
  const ask = asker(connection, services, gone.signal);
  try {
    const listed = Listed.safeParse((await ask('/models', null)).json);
    const models = listed.success ? listed.data.data.map(({ id }) => id) : [];
    const messages = [{ role: 'user', content: 'What can you do?' }];
    const answer = await ask('/chat/completions', { model: connection.model, messages, max_tokens: 64 });
    return { ...judged(answer, connection.model, models), models, ms: services.clock.now() - began };
  } catch (error) {
    const cause = gone.signal.aborted ? `no answer in ${PATIENCE_MS / 1000} s` : String(error);
    const message = `${connection.baseUrl} does not answer: ${cause}. Is the server running, and is the address right?`;
    return { ok: false, message, models: [], ms: services.clock.now() - began };
  } finally {
    cancel();
  }
}

function asker(connection: OpenConnection, { callModel }: Services, signal: AbortSignal) {
  const key: Readonly<Record<string, string>> =
    connection.apiKey === null ? {} : { authorization: `Bearer ${connection.apiKey}` };
  return async (path: string, body: object | null): Promise<Said> => {
    const answer = await callModel({
      url: connection.baseUrl.replace(/\/+$/, '') + path,
      method: body === null ? 'GET' : 'POST',
      headers: { 'content-type': 'application/json', ...key },
      body: body === null ? null : Buffer.from(JSON.stringify(body)),
      signal,
    });
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) {
      text += String(chunk);
      if (text.length > MOST_BYTES) break;
    }
    return { status: answer.statusCode ?? 0, json: jsonIn(text), text };
  };
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's page; told by its text
  }
}

function judged(
  { status, json, text }: Said,
  model: string,
  models: readonly string[],
): { readonly ok: boolean; readonly message: string } {
  if (status < 200 || status > 299) return { ok: false, message: refusalOf({ status, json, text }, model, models) };
  const parsed = Answer.safeParse(json);
  const said = parsed.success ? parsed.data.choices[0]?.message : undefined;
  const words = (said?.content || said?.reasoning_content || said?.reasoning || '').trim();
  if (words === '') return { ok: false, message: 'It answered without any text. Is this a chat model?' };
  return { ok: true, message: `It answered: ${words.slice(0, 200)}` };
}

function refusalOf({ status, json, text }: Said, model: string, models: readonly string[]): string {
  const parsed = Refusal.safeParse(json);
  const message = parsed.success ? parsed.data.error.message : text.slice(0, 200);
  if (status === 401 || status === 403) return `It refused the key (${status}): ${message}`;
  if (models.length > 0 && !models.includes(model))
    return `It does not list the model "${model}" but: ${models.slice(0, 10).join(', ')}.`;
  if (status === 404) return `Nothing answers there (404): ${message} The base URL usually ends in /v1.`;
  return `It answered ${status}: ${message}`;
}
