/*
 * One chat completion over HTTP, from checked request to last byte. The connection is the lease: when it closes, the engine
 * forgets the request before its next step.
 */
import type { ServerResponse } from 'node:http';
import { Answer, messageOf } from './answer.ts';
import type { ChatCompletion, ChatCompletionChunk, FinishReason, WireDelta, WireUsage } from './api.ts';
import type { ChatJob } from './chat-request.ts';
import type { RequestEvent } from './model-protocol.ts';
import type { ModelThread } from './model-thread.ts';
import type { ModelCard } from './models.ts';
import { Refusal } from './refusal.ts';

/** Names of one completion. @property created seconds since the epoch */
export type CompletionHead = { readonly id: string; readonly created: number };

/** Where the deltas of an answer go. `finish` or `fail` comes last, once. */
interface AnswerSink {
  delta(delta: WireDelta, tokens: readonly number[]): void;
  finish(reason: FinishReason, tokens: readonly number[], usage: WireUsage): void;
  fail(refusal: Refusal): void;
}

/** What answering needs. */
export type CompletionParts = { readonly thread: ModelThread; readonly card: ModelCard; readonly head: CompletionHead };

/** Runs the job and writes the answer. Resolves when the response is ended, by us or by the client's leaving. */
export function answerChat(job: ChatJob, parts: CompletionParts, response: ServerResponse): Promise<void> {
  const answer = new Answer({
    tokenizer: parts.card.tokenizer,
    calls: job.calls,
    stopTexts: job.stopTexts,
    partial: job.generation.partial,
  });
  const sink = job.stream ? streamSink(job, parts, response) : wholeSink(job, parts, { response, answer });
  if (response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const progress = { cached: 0, sampled: 0, unsent: [] as number[] };
    const usage = (): WireUsage => usageOf(job, progress);
    const send = (deltas: readonly WireDelta[]): void => {
      for (const delta of deltas) sink.delta(delta, progress.unsent.splice(0));
    };
    const finish = (engine: 'stop' | 'length'): void => {
      try {
        send(answer.end());
        sink.finish(answer.finishReason(engine), progress.unsent.splice(0), usage());
      } catch (error) {
        sink.fail(error instanceof Refusal ? error : new Refusal(500, 'engine_failed', String(error)));
      }
    };
    const hear = (event: RequestEvent): void => {
      switch (event.kind) {
        case 'started':
          progress.cached = event.cachedTokens;
          return send(answer.begin());
        case 'token':
          progress.sampled++;
          progress.unsent.push(event.token);
          send(answer.push(event.token));
          if (!answer.stopped) return;
          running.cancel();
          return finish('stop');
        case 'finished':
          return finish(event.reason);
        case 'failed':
          return sink.fail(new Refusal(500, event.code, event.message));
      }
    };
    const running = parts.thread.generate(job.generation, hear);
    response.on('close', () => {
      running.cancel();
      resolve();
    });
  });
}

function usageOf(job: ChatJob, progress: { readonly cached: number; readonly sampled: number }): WireUsage {
  const prompt = job.generation.prompt.length + job.generation.partial.length;
  return {
    prompt_tokens: prompt,
    completion_tokens: progress.sampled,
    total_tokens: prompt + progress.sampled,
    prompt_tokens_details: { cached_tokens: progress.cached },
  };
}

function wholeSink(
  job: ChatJob,
  { card, head }: CompletionParts,
  { response, answer }: { readonly response: ServerResponse; readonly answer: Answer },
): AnswerSink {
  const deltas: WireDelta[] = [];
  const ids: number[] = [];
  return {
    delta(delta, tokens) {
      deltas.push(delta);
      ids.push(...tokens);
    },
    finish(reason, tokens, usage) {
      const choice = {
        index: 0,
        message: messageOf(deltas, answer.completeCalls),
        finish_reason: reason,
        ...(job.returnTokenIds ? { token_ids: [...ids, ...tokens] } : {}),
      };
      const body: ChatCompletion = {
        id: head.id,
        object: 'chat.completion',
        created: head.created,
        model: card.id,
        choices: [choice],
        usage,
      };
      sendJson(response, 200, body);
    },
    fail: (refusal) => sendJson(response, refusal.status, refusal.toWire()),
  };
}

/** Headers go out with the first event, so that a failure before it still has its status. */
function streamSink(job: ChatJob, { card, head }: CompletionParts, response: ServerResponse): AnswerSink {
  const chunk = (choices: ChatCompletionChunk['choices'], usage?: WireUsage): void => {
    if (!response.headersSent) {
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache',
        'x-accel-buffering': 'no',
      });
      const role: ChatCompletionChunk = {
        id: head.id,
        object: 'chat.completion.chunk',
        created: head.created,
        model: card.id,
        choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }],
      };
      response.write(`data: ${JSON.stringify(role)}\n\n`);
    }
    const body: ChatCompletionChunk = {
      id: head.id,
      object: 'chat.completion.chunk',
      created: head.created,
      model: card.id,
      choices,
      ...(usage === undefined ? {} : { usage }),
    };
    response.write(`data: ${JSON.stringify(body)}\n\n`);
  };
  const ids = (tokens: readonly number[]): { readonly token_ids?: readonly number[] } =>
    job.returnTokenIds ? { token_ids: tokens } : {};
  return {
    delta: (delta, tokens) => chunk([{ index: 0, delta, finish_reason: null, ...ids(tokens) }]),
    finish(reason, tokens, usage) {
      chunk([{ index: 0, delta: {}, finish_reason: reason, ...ids(tokens) }]);
      if (job.includeUsage) chunk([], usage);
      response.end('data: [DONE]\n\n');
    },
    fail(refusal) {
      if (!response.headersSent) return sendJson(response, refusal.status, refusal.toWire());
      response.end(`data: ${JSON.stringify(refusal.toWire())}\n\n`);
    },
  };
}

/** Writes a JSON answer and ends the response. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed || response.headersSent) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}
