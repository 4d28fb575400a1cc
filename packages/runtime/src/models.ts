import { type Clock, createChatModel } from '@switchyard/agent';
import type { Catalog, OpenConnection } from '@switchyard/journal';
import { z } from 'zod';
import type { Models, OpenModel } from './contract.ts';
import { TerminalError } from './errors.ts';
import type { ModelHttp } from './outbound/index.ts';

/** What is read of `GET /models`; our engine and others name the context differently. */
const ModelList = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      context_window: z.number().optional(),
      max_model_len: z.number().optional(),
      context_length: z.number().optional(),
    }),
  ),
});

const ASK_MS = 3_000;

/** Models by the connections people made. What a server says about its context is asked once per connection and change of it. */
export function modelsOf(parts: {
  readonly connections: Pick<Catalog['connections'], 'byName' | 'default'>;
  readonly http: ModelHttp['http'];
  readonly clock: Clock;
}): Models {
  const known = new Map<string, OpenModel>();
  return {
    async open(name) {
      const connection =
        name === null || name === '' ? await parts.connections.default() : await parts.connections.byName(name);
      if (connection === null) throw notFound(name);
      const key = `${connection.id} ${connection.updatedAt}`;
      const before = known.get(key);
      if (before) return before;
      const opened = { model: modelOf(connection, parts), contextTokens: await contextTokens(connection, parts) };
      // Without an answer it is asked again next time: the server may have been starting.
      if (opened.contextTokens !== null) known.set(key, opened);
      return opened;
    },
  };
}

function notFound(name: string | null): TerminalError {
  if (name === null || name === '')
    return new TerminalError('no_connection', 'There is no model connection.', {
      hint: 'Add one under Settings, Models.',
    });
  return new TerminalError('connection_not_found', `There is no model connection named “${name}”.`, {
    hint: 'Choose another in the agent node, or add one of this name.',
  });
}

type Parts = { readonly http: ModelHttp['http']; readonly clock: Clock };

function modelOf(connection: OpenConnection, { http, clock }: Parts) {
  const { baseUrl, model, dialect, apiKey } = connection;
  return createChatModel({ baseUrl, model, dialect, http, clock, ...(apiKey === null ? {} : { apiKey }) });
}

async function contextTokens(connection: OpenConnection, { http, clock }: Parts): Promise<number | null> {
  const late = new AbortController();
  const answered = new AbortController();
  clock.sleep(ASK_MS, answered.signal).then(
    () => late.abort(),
    () => {}, // answered in time
  );
  try {
    const headers: Record<string, string> =
      connection.apiKey === null ? {} : { authorization: `Bearer ${connection.apiKey}` };
    const answer = await http(`${connection.baseUrl}/models`, { method: 'GET', headers, signal: late.signal });
    if (answer.status !== 200) return null;
    const list = ModelList.safeParse(JSON.parse(await answer.text()));
    const own = list.data?.data.find((model) => model.id === connection.model);
    return own?.context_window ?? own?.max_model_len ?? own?.context_length ?? null;
  } catch {
    return null; // The turn itself will tell what is wrong with the connection.
  } finally {
    answered.abort();
  }
}
