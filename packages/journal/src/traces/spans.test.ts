import { compileGraph, type EventBody, type JournalEvent, PipelineDocument } from '@switchyard/pipeline';
import { expect, test } from 'vitest';
import { spansOf } from './spans.ts';

const graph = compileGraph(PipelineDocument.parse({ nodes: [{ id: 'start', type: 'trigger.manual' }], edges: [] }));
const history = (...bodies: readonly (EventBody & { stepKey: string | null })[]): JournalEvent[] =>
  bodies.map((body, i) => ({
    ...body,
    runId: 'r',
    seq: i + 1,
    epoch: 1,
    n: i,
    at: new Date(1_000 * i).toISOString(),
  }));
const started = (after?: 'worker_lost'): EventBody => ({
  kind: 'step.started',
  data: { attempt: 1, crashes: after ? 1 : 0, worker: 1, ...(after ? { after } : {}) },
});

test('a step and a turn that a lost worker had begun are one span each, from their first beginning', () => {
  const turn: EventBody = { kind: 'turn.started', data: { turn: 1 } };
  const events = history(
    { ...started(), stepKey: 'each[3]/ask' },
    { ...turn, stepKey: 'each[3]/ask' },
    { ...started('worker_lost'), stepKey: 'each[3]/ask' },
    { ...turn, stepKey: 'each[3]/ask' },
    { kind: 'turn.incomplete', data: { turn: 1, reason: 'x' }, stepKey: 'each[3]/ask' },
    { kind: 'step.succeeded', data: { output: { inline: 1 }, ports: [] }, stepKey: 'each[3]/ask' },
    { kind: 'step.succeeded', data: { output: { inline: 1 }, ports: [] }, stepKey: 'each' },
  );
  const spans = spansOf(events, graph);
  expect(spans.map((span) => span.name)).toEqual(['chat', 'ask', 'each']);
  const [chat, ask, each] = spans;
  expect([chat?.startTimeUnixNano, ask?.startTimeUnixNano]).toEqual(['1000000000', '0']);
  expect([chat?.parentSpanId, ask?.parentSpanId]).toEqual([ask?.spanId, each?.spanId]);
  expect(spansOf(events, graph)).toEqual(spans);
});
