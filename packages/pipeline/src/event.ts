import { z } from 'zod';

/*
 * The history of a run: past-tense facts, one row each, never changed. Everything a person sees and everything a
 * worker decides is a fold of these. A new field is optional; a changed meaning is a new kind version.
 */

/** Any JSON value. */
export const Json = z.json();
/** Any JSON value, as a type. */
export type Json = z.infer<typeof Json>;

/** A value of a run. Over `INLINE_LIMIT` bytes of JSON it lives once in the blob store and the event holds its ends. */
export const StoredValue = z.union([
  z.strictObject({ inline: Json }),
  z.strictObject({
    blob: z.strictObject({
      sha256: z.string().length(64),
      bytes: z.number().int(),
      mediaType: z.string(),
      head: z.string(),
      tail: z.string(),
    }),
  }),
]);
/** A value inline or by its blob. */
export type StoredValue = z.infer<typeof StoredValue>;

/** Bytes of JSON up to which a value stays inside its event. */
export const INLINE_LIMIT = 32 * 1024;

/** Why something failed, for people (`message`, `hint`) and for programs (`code`, stable, `snake_case`). */
export const Failure = z.strictObject({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
  node: z.string().optional(),
  details: Json.optional(),
});
/** Why something failed. */
export type Failure = z.infer<typeof Failure>;

/** One tool call as the model wrote it; `arguments` is its JSON text, verbatim. */
export const ToolCall = z.strictObject({ id: z.string(), name: z.string(), arguments: z.string() });
/** One tool call, verbatim. */
export type ToolCall = z.infer<typeof ToolCall>;

/** Tokens of one turn. `cached` of the prompt tokens were not computed again. */
export const Usage = z.strictObject({
  prompt: z.number().int(),
  completion: z.number().int(),
  cached: z.number().int().optional(),
});
/** Tokens of one turn. */
export type Usage = z.infer<typeof Usage>;

const kind = <const K extends string, S extends z.ZodRawShape>(name: K, shape: S) =>
  z.strictObject({ kind: z.literal(name), data: z.strictObject(shape) });

const runEvents = [
  kind('run.started', {
    trigger: z.strictObject({
      node: z.string(),
      kind: z.enum(['manual', 'webhook', 'schedule', 'pipeline', 'error']),
      firing: z.string().optional(),
    }),
    input: StoredValue,
    revision: z.strictObject({ id: z.string(), number: z.number().int().nullable(), hash: z.string() }),
    /** The step that called this run and waits for its end. `depth` counts callers above it. */
    parent: z.strictObject({ run: z.string(), step: z.string(), depth: z.number().int() }).optional(),
    /** The run whose finished steps were copied: their events follow this one. */
    retryOf: z.strictObject({ run: z.string(), from: z.array(z.string()) }).optional(),
  }),
  kind('run.paused', { by: z.string() }),
  kind('run.resumed', { by: z.string() }),
  kind('run.cancel_requested', { by: z.string(), reason: z.string().optional() }),
  kind('run.succeeded', { output: StoredValue.nullable() }),
  kind('run.failed', { failure: Failure }),
  kind('run.cancelled', {}),
] as const;

const stepEvents = [
  kind('step.queued', {}),
  kind('step.started', {
    attempt: z.number().int(),
    crashes: z.number().int(),
    worker: z.number().int(),
    after: z.enum(['worker_lost', 'wait', 'retry']).optional(),
  }),
  kind('step.waiting', {
    reason: z.enum(['time', 'webhook', 'approval', 'child', 'decision', 'paused']),
    until: z.string().optional(),
    /** With `until`: the step is out of time then, and fails as timed out. */
    timesOut: z.boolean().optional(),
    /** With `child`: the run that is waited for. */
    child: z.string().optional(),
  }),
  kind('step.woken', { by: z.string().optional(), value: StoredValue.optional() }),
  kind('step.retrying', { failure: Failure, attempt: z.number().int(), dueInMs: z.number().int() }),
  kind('step.succeeded', { output: StoredValue, ports: z.array(z.string()) }),
  kind('step.failed', { failure: Failure, continues: z.boolean().optional() }),
  kind('step.skipped', {}),
  kind('step.cancelled', {}),
] as const;

/*
 * A loop runs its body once per item, each in a scope of its own: steps of iteration 3 of loop `each` are `each[3]/NODE`.
 * Both kinds stand under the loop's own step key.
 */
const loopEvents = [
  kind('loop.started', {
    items: StoredValue,
    count: z.number().int(),
    concurrency: z.number().int(),
    onItemError: z.enum(['fail', 'continue']),
  }),
  kind('iteration.started', { index: z.number().int() }),
  kind('iteration.finished', { index: z.number().int(), output: StoredValue.nullable(), failure: Failure.optional() }),
] as const;

const agentEvents = [
  kind('turn.started', { turn: z.number().int() }),
  kind('thought.checkpointed', {
    turn: z.number().int(),
    thought: z.string(),
    text: z.string(),
    tokens: z.array(z.number().int()),
  }),
  kind('turn.finished', {
    turn: z.number().int(),
    model: z.string(),
    requestSha256: z.string(),
    thought: z.string(),
    text: z.string(),
    calls: z.array(ToolCall),
    finishReason: z.string(),
    usage: Usage,
    tokens: z.array(z.number().int()).optional(),
    modelMs: z.number(),
  }),
  kind('turn.incomplete', {
    turn: z.number().int(),
    reason: z.string(),
    thought: z.string().optional(),
    text: z.string().optional(),
    usage: Usage.optional(),
    tokens: z.array(z.number().int()).optional(),
  }),
  kind('tool.started', { turn: z.number().int(), call: ToolCall, policy: z.enum(['repeat', 'verify', 'ask', 'fail']) }),
  kind('tool.finished', {
    turn: z.number().int(),
    call: z.string(),
    result: StoredValue,
    failed: z.boolean(),
    ms: z.number(),
  }),
  kind('tool.in_doubt', { call: z.string() }),
  kind('tool.decided', { call: z.string(), decision: z.enum(['repeat', 'use', 'fail']), by: z.string() }),
  kind('approval.requested', { subject: StoredValue, instructions: z.string().optional() }),
  kind('approval.decided', { approved: z.boolean(), by: z.string(), comment: z.string().optional() }),
  kind('window.compacted', { hidden: z.number().int() }),
  kind('trajectory.started', { index: z.number().int() }),
  kind('trajectory.finished', { index: z.number().int(), answer: StoredValue }),
  kind('budget.spent', { budget: z.enum(['turns', 'tokens', 'seconds', 'cost', 'egress']) }),
  kind('note', { text: z.string() }),
] as const;

/** What is written: a kind and its data. The journal adds run, seq, step, epoch, n and time. */
export const EventBody = z.discriminatedUnion('kind', [...runEvents, ...stepEvents, ...loopEvents, ...agentEvents]);
/** One past-tense fact: a kind and its data. */
export type EventBody = z.infer<typeof EventBody>;
/** The name of a kind of event. */
export type EventKind = EventBody['kind'];

/** An event not yet in the journal. `stepKey` is null for events about the run as a whole. */
export type NewEvent = EventBody & { readonly stepKey: string | null };

/** One row of the journal. `seq` is dense from 1 within its run; `at` is the database's clock, ISO 8601. */
export type JournalEvent = EventBody & {
  readonly runId: string;
  readonly seq: number;
  readonly stepKey: string | null;
  readonly epoch: number | null;
  readonly n: number | null;
  readonly at: string;
};

/** An event as far as folds read it; every `JournalEvent` is one, and one not yet written can be made to look like one. */
export type RunEvent = EventBody & {
  readonly seq: number;
  readonly stepKey: string | null;
  readonly at: string;
  readonly runId?: string;
  readonly epoch?: number | null;
};

/** All kinds, for gates that must have seen each of them. */
export const EVENT_KINDS: readonly EventKind[] = EventBody.options.map((option) => option.shape.kind.value);

/** Kinds the planner must know of; the others are read by the step that wrote them. */
export const isStructural = (kind: EventKind): boolean => /^(run|step|approval|loop|iteration)\./.test(kind);
