import { createHash } from 'node:crypto';
import { type Graph, type JournalEvent, nodeOfStep } from '@switchyard/pipeline';

/*
 * A run as spans of OpenTelemetry: run → step → turn → tool. All of a span, its id too, comes from the journal, which never
 * changes: a run that is sent twice gives the same spans. No content: neither inputs, outputs and messages nor error texts.
 * Names follow OpenTelemetry's conventions for generative AI; this file is the one place that knows them.
 */

/** One span as OTLP writes it in JSON. */
export type Span = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly status: { readonly code: number };
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
};
type Attribute = {
  readonly key: string;
  readonly value: { readonly stringValue: string } | { readonly intValue: string };
};
type Facts = Readonly<Record<string, string | number | undefined>>;

const INTERNAL = 1;
const CLIENT = 3;
const FAILED = 2;

const hashed = (text: string, digits: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, digits);
const traceOf = (runId: string): string => hashed(`run ${runId}`, 32);
const spanOf = (...names: readonly (string | number)[]): string => hashed(JSON.stringify(names), 16);
const nanos = (at: string): string => `${BigInt(Date.parse(at)) * 1_000_000n}`;
const attributesOf = (facts: Facts): Attribute[] =>
  Object.entries(facts).flatMap(([key, value]) =>
    value === undefined
      ? []
      : [{ key, value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value } }],
  );

type Open = {
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly from: string;
  readonly kind: number;
  readonly name: string;
  readonly facts: Facts;
  readonly links?: Span['links'];
};

/** `each[3]/fetch` stands below `each`; what is in no loop stands below the run. */
function aboveStep(stepKey: string): string | null {
  const slash = stepKey.lastIndexOf('/');
  return slash < 0 ? null : stepKey.slice(0, stepKey.lastIndexOf('[', slash));
}

/** The spans of an ended run, from all its events in order. */
export function spansOf(events: readonly JournalEvent[], graph: Graph): readonly Span[] {
  const reader = new SpanReader(graph);
  for (const event of events) reader.read(event);
  return reader.spans;
}

class SpanReader {
  readonly spans: Span[] = [];
  readonly #graph: Graph;
  readonly #open = new Map<string, Open>();

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  read(event: JournalEvent): void {
    const { stepKey } = event;
    if (stepKey === null) return this.#readRun(event);
    const step = `step ${stepKey}`;
    if (/^step\.(started|succeeded|failed|cancelled)$/.test(event.kind) && !this.#open.has(step))
      this.#open.set(step, this.#stepSpan(event, stepKey));
    if (event.kind === 'step.succeeded' || event.kind === 'step.cancelled') this.#close(event, step, {});
    if (event.kind === 'step.failed') this.#close(event, step, { 'error.type': event.data.failure.code });
    this.#readAgent(event, stepKey);
  }

  #readRun(event: JournalEvent): void {
    if (event.kind === 'run.started') {
      const { parent, trigger } = event.data;
      this.#open.set('run', {
        spanId: spanOf(event.runId),
        from: event.at,
        kind: INTERNAL,
        name: 'invoke_workflow',
        facts: {
          'gen_ai.operation.name': 'invoke_workflow',
          'switchyard.run': event.runId,
          'switchyard.trigger': trigger.kind,
        },
        ...(parent ? { links: [{ traceId: traceOf(parent.run), spanId: spanOf(parent.run, parent.step) }] } : {}),
      });
    }
    if (event.kind === 'run.succeeded' || event.kind === 'run.cancelled') this.#close(event, 'run', {});
    if (event.kind === 'run.failed') this.#close(event, 'run', { 'error.type': event.data.failure.code });
  }

  #stepSpan({ runId, at }: JournalEvent, stepKey: string): Open {
    const node = nodeOfStep(stepKey);
    const type = this.#graph.nodes.get(node)?.node.type ?? 'unknown';
    const agent = type === 'agent';
    const above = aboveStep(stepKey);
    return {
      spanId: spanOf(runId, stepKey),
      parentSpanId: above === null ? spanOf(runId) : spanOf(runId, above),
      from: at,
      kind: INTERNAL,
      name: agent ? `invoke_agent ${node}` : node,
      facts: {
        ...(agent ? { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': node } : {}),
        'switchyard.step': stepKey,
        'switchyard.node.type': type,
      },
    };
  }

  /** A turn that was begun again after a crash is one span, from its first beginning. */
  #readAgent(event: JournalEvent, stepKey: string): void {
    const { runId, at, seq } = event;
    if (event.kind === 'turn.started') {
      const key = `turn ${stepKey} ${event.data.turn}`;
      const spanId = spanOf(runId, stepKey, event.data.turn, seq);
      const facts = { 'gen_ai.operation.name': 'chat' };
      if (!this.#open.has(key))
        this.#open.set(key, {
          spanId,
          parentSpanId: spanOf(runId, stepKey),
          from: at,
          kind: CLIENT,
          name: 'chat',
          facts,
        });
    }
    if (event.kind === 'turn.finished' || event.kind === 'turn.incomplete') {
      const { usage } = event.data;
      this.#close(event, `turn ${stepKey} ${event.data.turn}`, {
        'gen_ai.response.model': event.kind === 'turn.finished' ? event.data.model : undefined,
        'error.type': event.kind === 'turn.incomplete' ? 'incomplete' : undefined,
        'gen_ai.usage.input_tokens': usage?.prompt,
        'gen_ai.usage.output_tokens': usage?.completion,
      });
    }
    if (event.kind === 'tool.started') this.#openTool(event, stepKey);
    if (event.kind === 'tool.finished')
      this.#close(event, `tool ${stepKey} ${event.data.call}`, {
        'error.type': event.data.failed ? 'tool_failed' : undefined,
      });
  }

  #openTool(event: Extract<JournalEvent, { kind: 'tool.started' }>, stepKey: string): void {
    const { call, turn } = event.data;
    const key = `tool ${stepKey} ${call.id}`;
    if (this.#open.has(key)) return;
    this.#open.set(key, {
      spanId: spanOf(event.runId, stepKey, turn, call.id, event.seq),
      parentSpanId: this.#turns.get(`turn ${stepKey} ${turn}`) ?? spanOf(event.runId, stepKey),
      from: event.at,
      kind: INTERNAL,
      name: `execute_tool ${call.name}`,
      facts: {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': call.name,
        'gen_ai.tool.call.id': call.id,
      },
    });
  }

  /** Spans of turns that have ended: their tools run after them. */
  readonly #turns = new Map<string, string>();

  #close({ runId, at }: JournalEvent, key: string, more: Facts): void {
    const open = this.#open.get(key);
    if (open === undefined) return;
    this.#open.delete(key);
    if (key.startsWith('turn ')) this.#turns.set(key, open.spanId);
    this.spans.push({
      traceId: traceOf(runId),
      spanId: open.spanId,
      ...(open.parentSpanId === undefined ? {} : { parentSpanId: open.parentSpanId }),
      name: open.name,
      kind: open.kind,
      startTimeUnixNano: nanos(open.from),
      endTimeUnixNano: nanos(at),
      attributes: attributesOf({ ...open.facts, ...more }),
      status: { code: more['error.type'] === undefined ? 0 : FAILED },
      ...(open.links ? { links: open.links } : {}),
    });
  }
}
