import type { IncomingMessage } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startWorkerOn } from '../../../../test/harness/worker.ts';
import { draw } from '../../../../test/harness/workshop.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';

let server: TestServer;
let stopWorker: () => Promise<void>;
let pipeline: string;
const streams: IncomingMessage[] = [];
beforeAll(async () => {
  server = await startTestServer();
  stopWorker = await startWorkerOn(server.test.url);
  pipeline = await server.publish(
    'streamed',
    draw({
      nodes: [
        { id: 'start', type: 'trigger.manual' },
        { id: 'one', type: 'code', config: { code: 'return 1' } },
        { id: 'two', type: 'code', config: { code: 'return 2' } },
      ],
      edges: ['start > one', 'one > two'],
    }),
  );
});
afterEach(() => {
  for (const stream of streams.splice(0)) stream.destroy();
});
afterAll(async () => {
  await stopWorker();
  await server.close();
});

type Frame = { readonly id: string; readonly event: string; readonly data: ReturnType<typeof JSON.parse> };
type Reading = { readonly frames: Frame[]; readonly until: (what: (frame: Frame) => boolean) => Promise<Frame> };

/** Reads frames as they come; `until` waits for one, those already there included. */
async function follow(path: string, headers: Record<string, string> = {}): Promise<Reading> {
  const stream = await server.open(path, headers);
  streams.push(stream);
  const frames: Frame[] = [];
  let waiting: (() => void) | null = null;
  let text = '';
  stream.on('error', () => {});
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const found = /^id: (.*)\nevent: (.*)\ndata: (.*)$/.exec(text.slice(0, end));
      text = text.slice(end + 2);
      if (found) frames.push({ id: found[1]!, event: found[2]!, data: JSON.parse(found[3]!) });
    }
    waiting?.();
  });
  return {
    frames,
    until: async (what) => {
      for (;;) {
        const found = frames.find(what);
        if (found) return found;
        await new Promise<void>((resolve) => {
          waiting = resolve;
        });
      }
    },
  };
}

const start = async (): Promise<string> =>
  (await server.ask('POST', `/api/pipelines/${pipeline}/runs`, { body: { input: null } })).json.runId;
const ended = (frame: Frame): boolean =>
  frame.event === 'run' && frame.data.events.some((event: { kind: string }) => event.kind === 'run.succeeded');
const seqs = (frames: readonly Frame[]): number[] =>
  frames
    .filter(({ event }) => event === 'run')
    .flatMap(({ data }) => data.events.map((event: { seq: number }) => event.seq));

describe('the stream', () => {
  it('brings each event of a run once, in order, and the list of runs', async () => {
    const list = await follow('/api/stream?topic=runs');
    const runId = await start();
    const run = await follow(`/api/stream?topic=run:${runId}@0&topic=runs`);
    const last = await run.until(ended);
    const all = seqs(run.frames);
    expect(all).toEqual(all.map((_, i) => i + 1));
    expect(last.id).toBe(`run:${runId}@${all.length},runs`);
    const row = await list.until(
      ({ event, data }) =>
        event === 'runs' &&
        data.some((one: { id: string; state: string }) => one.id === runId && one.state === 'succeeded'),
    );
    expect(row.data[0]).toMatchObject({ pipelineName: 'streamed', trigger: 'manual' });
  });

  it('goes on after Last-Event-ID, without gap or repeat', async () => {
    const runId = await start();
    const whole = await follow(`/api/stream?topic=run:${runId}@0`);
    await whole.until(ended);
    const resumed = await follow(`/api/stream?topic=run:${runId}@0`, { 'last-event-id': `run:${runId}@3` });
    await resumed.until(ended);
    expect(seqs(resumed.frames)).toEqual(seqs(whole.frames).filter((seq) => seq > 3));
    const other = await follow(`/api/stream?topic=run:${runId}@4`);
    await other.until(ended);
    expect(seqs(other.frames)[0]).toBe(5);
  });

  it('refuses what is not a topic, and too many', async () => {
    for (const query of ['', '?topic=keys', '?topic=run:1@1', '?topic=run:../../etc@0'])
      expect((await server.ask('GET', `/api/stream${query}`)).status).toBe(400);
    const many = Array.from({ length: 51 }, () => 'topic=runs').join('&');
    expect((await server.ask('GET', `/api/stream?${many}`)).json.error.code).toBe('too_many_topics');
  });

  it('does not pile up for a client that does not read, and loses nothing for it', async () => {
    const big = await server.publish(
      'big',
      draw({ nodes: [{ id: 'start', type: 'trigger.manual' }, ...steps(120)], edges: edges(120) }),
    );
    const { json } = await server.ask('POST', `/api/pipelines/${big}/runs`, {
      body: { input: { text: 'x'.repeat(31_000) } },
    });
    const stream = await server.open(`/api/stream?topic=run:${json.runId}@0`);
    streams.push(stream);
    stream.pause();
    const complete = await follow(`/api/stream?topic=run:${json.runId}@0`);
    await complete.until(ended);
    let text = '';
    const done = new Promise<void>((resolve) => {
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8');
        if (text.includes('"kind":"run.succeeded"')) resolve();
      });
    });
    stream.resume();
    await done;
    const read = [...text.matchAll(/"seq":(\d+)/g)].map((found) => Number(found[1]));
    expect(read).toEqual(seqs(complete.frames));
    expect(text.length).toBeGreaterThan(3 * 1024 * 1024);
  });
});

const steps = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    id: `s${i}`,
    type: 'transform',
    config: { expression: 'run.input.text' },
  }));
const edges = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${i === 0 ? 'start' : `s${i - 1}`} > s${i}`);
