import { createServer, type ServerResponse } from 'node:http';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';

/*
 * An OpenAI-compatible server for tests: real HTTP on loopback, replies by script. One sampled token is one character
 * (its code point), so a cut turn can be continued from its tokens as by the product's own engine.
 */

/** A message as it came over the wire. */
export type SeenMessage = {
  role: string;
  content: string | null;
  reasoning_content?: string;
  reasoning?: string;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
  tool_call_id?: string;
};
/** A chat request as it came over the wire. */
export type SeenRequest = {
  readonly model: string;
  readonly messages: readonly SeenMessage[];
  readonly tools?: readonly { function: { name: string } }[];
  readonly temperature: number;
  readonly seed?: number;
  readonly max_tokens: number;
  readonly return_token_ids?: boolean;
  readonly partial_token_ids?: readonly number[];
};

/** What the server does with one request. */
export type ScriptedReply = {
  readonly thought?: string;
  readonly text?: string;
  readonly calls?: readonly { readonly id?: string; readonly name: string; readonly arguments: string }[];
  readonly finish?: string;
  /** Break the connection after so many characters. */
  readonly breakAfter?: number;
  /** Wait here after so many characters. */
  readonly pauseAfter?: number;
  readonly pause?: Promise<void>;
  /** Answer with this status and body instead. */
  readonly status?: number;
  readonly body?: string;
  /** Send these lines as they are instead. */
  readonly raw?: readonly string[];
};

/** Decides the reply to the request of this number, from 1. */
export type Script = (request: SeenRequest, number: number) => ScriptedReply | Promise<ScriptedReply>;

/** A running server. */
export type ScriptedModel = {
  readonly baseUrl: string;
  readonly requests: SeenRequest[];
  /** Requests whose connection was closed by the client before the end. */
  readonly closed: { count: number };
  script: Script;
  /** Without it `/tokenize` answers 404, as most servers do. */
  countsTokens: boolean;
  close(): Promise<void>;
};

type Piece = { readonly token: number; readonly delta: Record<string, unknown> };

function piecesOf(reply: ScriptedReply): Piece[] {
  const chars = (text: string, delta: (char: string) => Record<string, unknown>): Piece[] =>
    [...text].map((char) => ({ token: char.codePointAt(0) ?? 0, delta: delta(char) }));
  const pieces = [
    ...chars(reply.thought ?? '', (char) => ({ reasoning_content: char, reasoning: char })),
    { token: 0, delta: { content: '' } },
    ...chars(reply.text ?? '', (content) => ({ content })),
  ];
  reply.calls?.forEach((call, index) => {
    pieces.push({
      token: 1,
      delta: {
        tool_calls: [
          {
            index,
            id: call.id ?? `functions.${call.name}:${index}`,
            type: 'function',
            function: { name: call.name, arguments: '' },
          },
        ],
      },
    });
    pieces.push(...chars(call.arguments, (char) => ({ tool_calls: [{ index, function: { arguments: char } }] })));
  });
  return pieces;
}

async function stream(response: ServerResponse, request: SeenRequest, reply: ScriptedReply): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (data: Record<string, unknown>): boolean =>
    response.write(
      `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 0, model: request.model, ...data })}\n\n`,
    );
  const choose = (choice: Record<string, unknown>): boolean =>
    send({ choices: [{ index: 0, finish_reason: null, ...choice }] });
  const all = piecesOf(reply);
  const skip = request.partial_token_ids?.length ?? 0;
  choose({ delta: { role: 'assistant', content: '' } });
  for (const [at, piece] of [...all.entries()].slice(skip)) {
    if (at === reply.breakAfter) {
      await turnOfTheLoop();
      response.destroy();
      return;
    }
    if (at === reply.pauseAfter) await reply.pause;
    choose({ delta: piece.delta, ...(request.return_token_ids ? { token_ids: [piece.token] } : {}) });
    if (at % 8 === 0) await turnOfTheLoop();
  }
  choose({ delta: {}, finish_reason: reply.finish ?? (reply.calls?.length ? 'tool_calls' : 'stop') });
  const prompt_tokens = promptTokens(request) + skip;
  send({
    choices: [],
    usage: {
      prompt_tokens,
      completion_tokens: all.length - skip,
      total_tokens: 0,
      prompt_tokens_details: { cached_tokens: 1 },
    },
  });
  response.end('data: [DONE]\n\n');
}

function sendRaw(response: ServerResponse, lines: readonly string[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const line of lines) response.write(`data: ${line}\n\n`);
  response.end();
}

/** One token a character of content, thought and arguments. */
export const promptTokens = (request: Pick<SeenRequest, 'messages'>): number =>
  request.messages.reduce(
    (sum, message) =>
      sum +
      (message.content ?? '').length +
      (message.reasoning_content ?? '').length +
      (message.tool_calls ?? []).reduce((all, call) => all + call.function.arguments.length, 0),
    0,
  );

async function answerChat(model: ScriptedModel, body: SeenRequest, response: ServerResponse): Promise<void> {
  model.requests.push(body);
  response.on('close', () => {
    if (!response.writableFinished) model.closed.count += 1;
  });
  const reply = await model.script(body, model.requests.length);
  if (reply.status !== undefined)
    return void response.writeHead(reply.status, { 'content-type': 'application/json' }).end(reply.body ?? '');
  if (reply.raw) return sendRaw(response, reply.raw);
  await stream(response, body, reply);
}

/** Starts a server that answers by `script`; on any free port where none is named. */
export async function startScriptedModel(script: Script, port = 0): Promise<ScriptedModel> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', async () => {
      if (request.method === 'GET') return void response.writeHead(404).end();
      const body = JSON.parse(Buffer.concat(parts).toString());
      if (request.url === '/v1/tokenize') {
        if (!model.countsTokens) return void response.writeHead(404).end('{}');
        return void response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ count: promptTokens(body), tokens: [] }));
      }
      await answerChat(model, body, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  const model: ScriptedModel = {
    baseUrl: `http://127.0.0.1:${address.port}/v1`,
    requests: [],
    closed: { count: 0 },
    script,
    countsTokens: true,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return model;
}
