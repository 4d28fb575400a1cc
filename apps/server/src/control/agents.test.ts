import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JournalEvent, NewEvent } from '@switchyard/pipeline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../../test/harness/database.ts';
import { type ScriptedModel, startScriptedModel } from '../../../../test/harness/scripted-model.ts';
import { startWorkerOn } from '../../../../test/harness/worker.ts';
import { draw } from '../../../../test/harness/workshop.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';

/* Agents under a person's hand: paused between two turns, and waiting for a word on a call whose outcome nobody knows. */

let server: TestServer;
let model: ScriptedModel;
let site: Server;
let origin: string;
let stopWorker: () => Promise<void>;
let pipeline: string;
const startWorker = async () => {
  stopWorker = await startWorkerOn(server.test.url, [{ origin, pathPrefix: '/' }]);
};
beforeAll(async () => {
  site = createServer((_request, response) => response.end('x'.repeat(3_000_000)));
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  server = await startTestServer();
  model = await startScriptedModel(() => ({ text: 'no script' }));
  const { baseUrl } = model;
  await server.database.catalog.connections.create({ name: 'scripted', baseUrl, model: 'scripted', dialect: 'kimi' });
  pipeline = await server.publish(
    'solver',
    draw({
      nodes: [
        { id: 'start', type: 'trigger.manual' },
        { id: 'solve', type: 'agent', config: { prompt: 'Solve it', tools: ['run_code', 'http_fetch'] } },
        { id: 'reply', type: 'transform', config: { expression: 'steps.solve.output.text' } },
      ],
      edges: ['start > solve', 'solve > reply'],
    }),
  );
  await startWorker();
});
afterAll(async () => {
  await stopWorker();
  await model.close();
  await server.close();
  site.close();
});

const start = async (): Promise<string> =>
  (await server.ask('POST', `/api/pipelines/${pipeline}/runs`, { body: { source: 'published', input: {} } })).json
    .runId;
const eventsOf = async (run: string): Promise<readonly JournalEvent[]> =>
  (await server.ask('GET', `/api/runs/${run}/events?limit=5000`)).json.events;
const ended = (run: string) =>
  eventually('it ends', async () => {
    const { json } = await server.ask('GET', `/api/runs/${run}`);
    return json.run.endedAt === null ? null : json.run;
  });
const waitOf = (run: string) =>
  eventually('it waits', async () => (await server.ask('GET', `/api/runs/${run}`)).json.waiting[0] ?? null);
const add = (n: number) => ({ calls: [{ name: 'run_code', arguments: JSON.stringify({ code: `${n} + 1` }) }] });
const results = (request: { readonly messages: readonly { readonly role: string }[] }) =>
  request.messages.filter((message) => message.role === 'tool').length;

describe('agents', () => {
  it('R19: a paused agent ends its turn, waits before the next one, and goes on at exactly that turn', async () => {
    const before = model.requests.length;
    let letGo = () => {};
    const pause = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    model.script = (request) => {
      if (results(request) === 0) return { ...add(1), thought: 'thinking', pauseAfter: 3, pause };
      return results(request) === 1 ? add(2) : { text: 'both done' };
    };
    const run = await start();
    await eventually('the first turn streams', () => (model.requests.length > before ? true : null));
    await server.ask('POST', `/api/runs/${run}/pause`, { body: {} });
    letGo();
    expect(await waitOf(run)).toMatchObject({ stepKey: 'solve', reason: 'paused' });
    const paused = await eventsOf(run);
    expect(paused.filter((event) => event.kind === 'turn.finished')).toHaveLength(1);
    expect(paused.filter((event) => event.kind === 'tool.finished')).toHaveLength(1);
    expect(model.requests.length).toBe(before + 1);

    await server.ask('POST', `/api/runs/${run}/resume`, { body: {} });
    expect((await ended(run)).state).toBe('succeeded');
    const events = await eventsOf(run);
    expect(events.flatMap((event) => (event.kind === 'turn.finished' ? [event.data.turn] : []))).toEqual([1, 2, 3]);
    expect(events.flatMap((event) => (event.kind === 'turn.started' ? [event.data.turn] : []))).toEqual([1, 2, 3]);
    expect(events.filter((event) => event.kind === 'tool.started')).toHaveLength(2);
    expect(model.requests.length).toBe(before + 3);
  });

  it('R22: a tool result of 3 MB is kept whole, once, and the run goes on', async () => {
    model.script = (request) =>
      results(request) === 0
        ? { calls: [{ name: 'http_fetch', arguments: JSON.stringify({ url: `${origin}/big` }) }] }
        : { text: 'read it' };
    const run = await start();
    expect((await ended(run)).state).toBe('succeeded');
    const events = await eventsOf(run);
    const result = events.find((event) => event.kind === 'tool.finished')?.data;
    expect(result).toMatchObject({ failed: false, result: { blob: { bytes: 3_000_000 } } });
    expect(events.filter((event) => event.kind === 'tool.started')).toHaveLength(1);
    expect(JSON.stringify(events).length).toBeLessThan(100_000);
  });

  /** A run whose agent asked for a call of a tool that must not be repeated, and whose worker is gone. */
  const inDoubt = async (): Promise<string> => {
    await stopWorker();
    const run = await start();
    const { journal } = server.database;
    const lost = await server.database.registerWorker({ build: 'lost' });
    const claimed = await journal.claim({ runId: run, stepKey: 'solve', epoch: 0, worker: lost.id, seen: 0 });
    if (claimed.outcome !== 'claimed') throw new Error(claimed.outcome);
    const call = { id: 'functions.run_code:0', name: 'run_code', arguments: '{"code":"40 + 2"}' };
    const bodies = [
      { kind: 'turn.started', data: { turn: 1 } },
      {
        kind: 'turn.finished',
        data: {
          turn: 1,
          model: 'scripted',
          requestSha256: '0'.repeat(64),
          thought: '',
          text: '',
          calls: [call],
          finishReason: 'tool_calls',
          usage: { prompt: 1, completion: 1 },
          modelMs: 1,
        },
      },
      { kind: 'tool.started', data: { turn: 1, call, policy: 'ask' } },
    ] as const;
    await journal.append({
      runId: run,
      speaker: { stepKey: 'solve', epoch: claimed.epoch, n: 0, worker: lost.id },
      version: null,
      seen: 0,
      intent: true,
      events: bodies.map((body): NewEvent => structuredClone({ ...body, stepKey: 'solve' }) as NewEvent),
      open: [],
      touch: [],
    });
    await lost.close();
    await startWorker();
    return run;
  };
  const told = () => model.requests.at(-1)?.messages.findLast((message) => message.role === 'tool')?.content;

  it.each([
    [{ decision: 'use', result: 'it was 42' }, 'it was 42'],
    [{ decision: 'use' }, 'carried out'],
    [{ decision: 'repeat' }, '42'],
    [{ decision: 'fail' }, 'not known'],
  ])('R18: a call in doubt is never repeated in silence: a person decides %j', async (body, expected) => {
    model.script = () => ({ text: 'done' });
    const run = await inDoubt();
    const wait = await waitOf(run);
    expect(wait).toMatchObject({ reason: 'decision', calls: ['functions.run_code:0'], link: null });
    const path = `/api/runs/${run}/steps/solve/decision`;
    const wrong = await server.ask('POST', path, { body: { call: 'other', decision: 'repeat' } });
    expect([wrong.status, wrong.json.error.code]).toEqual([404, 'unknown_call']);
    const sent = { body: { call: 'functions.run_code:0', ...body } };
    expect((await server.ask('POST', path, sent)).status).toBe(200);
    expect((await server.ask('POST', path, sent)).status).toBe(409);
    expect((await ended(run)).state).toBe('succeeded');
    expect(told()).toContain(expected);
    const events = await eventsOf(run);
    expect(events.filter((event) => event.kind === 'tool.decided')).toHaveLength(1);
    expect(events.filter((event) => event.kind === 'tool.finished')).toHaveLength(1);
  });

  it('R23: a client that closes its stream changes nothing; it attaches again where it was', async () => {
    let letGo = () => {};
    const pause = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    model.script = () => ({ thought: 'long', text: 'answer', pauseAfter: 2, pause });
    const run = await start();
    const stream = await server.open(`/api/stream?topic=run:${run}@0`);
    await eventually('the first events', () => (stream.read() === null ? null : true));
    stream.destroy();
    letGo();
    expect((await ended(run)).state).toBe('succeeded');
    const all = await eventsOf(run);
    const again = await server.open(`/api/stream?topic=run:${run}@0`, { 'last-event-id': `run:${run}@1` });
    let seen = '';
    again.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    await eventually('the rest', () => (seen.includes('run.succeeded') ? true : null));
    again.destroy();
    const seqs = [...seen.matchAll(/"seq":(\d+)/g)].map((match) => Number(match[1]));
    expect(seqs).toEqual(all.map((event) => event.seq).filter((seq) => seq > 1));
  });
});
