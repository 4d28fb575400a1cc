import { z } from 'zod';

/** A node or edge id inside one document: stable over renames, safe in step keys, URLs and expressions. */
export const ElementId = z
  .string()
  .regex(/^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/, 'letters, digits, _ and -, beginning with a letter');

/** When a step of this node is tried again. `backoffSeconds` doubles with each attempt, up to an hour. */
export const RetryPolicy = z.strictObject({
  attempts: z.number().int().min(1).max(100).default(1),
  backoffSeconds: z.number().min(0).max(3600).default(1),
  on: z.array(z.enum(['failed', 'timed_out', 'worker_lost'])).default(['failed', 'timed_out', 'worker_lost']),
});

/**
 * At most `max` steps with this key are at work at once, over all runs and workers; the others wait their turn. With
 * `perSeconds` it is a rate: at most `max` of them begin in any such time. The same key must have the same numbers in all
 * places of a document.
 */
export const StepLimit = z.strictObject({
  key: z.string().min(1).max(120),
  max: z.number().int().min(1).max(10_000),
  perSeconds: z.number().positive().max(86_400).optional(),
});

/** One node of the graph. `config` belongs to the node type and is checked against its schema by `validate`. */
export const Node = z.strictObject({
  id: ElementId,
  type: z.string(),
  name: z.string().max(120).optional(),
  config: z.record(z.string(), z.json()).default({}),
  position: z.strictObject({ x: z.number(), y: z.number() }).default({ x: 0, y: 0 }),
  retry: RetryPolicy.optional(),
  timeoutSeconds: z
    .number()
    .positive()
    .max(30 * 24 * 3600)
    .optional(),
  onError: z.enum(['fail', 'continue', 'port']).default('fail'),
  limit: StepLimit.optional(),
});

const End = z.strictObject({ node: ElementId, port: z.string().max(64) });

/** A directed edge from an output port to an input port. */
export const Edge = z.strictObject({ id: ElementId, from: End, to: End });

/** Free text on the canvas; never read by a run. */
export const Note = z.strictObject({
  id: ElementId,
  text: z.string().max(10_000),
  position: z.strictObject({ x: z.number(), y: z.number() }),
  size: z.strictObject({ width: z.number(), height: z.number() }).optional(),
});

/** How runs of a pipeline share the installation. Absent fields: no limit of that kind. */
export const Settings = z.strictObject({
  /** At most `max` runs with the same key at once. `key` is an expression over `run.input`; absent: one key for all. */
  concurrency: z
    .strictObject({
      max: z.number().int().min(1).max(10_000),
      key: z.string().min(1).max(10_000).optional(),
    })
    .optional(),
  /** At most `max` runs begin in any `perSeconds`; the others wait as queued. */
  rate: z.strictObject({ max: z.number().int().min(1), perSeconds: z.number().positive().max(86_400) }).optional(),
  /** Runs that have not ended, queued ones included; a start beyond it is refused with 429 before it is accepted. */
  queueMax: z.number().int().min(1).max(1_000_000).default(10_000),
  /** Higher goes first among what is due. */
  priority: z.number().int().min(-100).max(100).default(0),
  /** Share among pipelines that compete for workers. */
  weight: z.number().int().min(1).max(100).default(1),
  /** Days an ended run is kept; null: for ever. */
  keepDays: z.number().int().min(1).max(3650).nullable().default(30),
  /** Bytes of journal and values that ended runs may hold; the oldest go first. */
  keepBytes: z.number().int().min(1_000_000).optional(),
});

/** What users draw, what a revision freezes, what export writes. Unknown keys are refused, so nothing is lost silently. */
export const PipelineDocument = z.strictObject({
  format: z.literal(1).default(1),
  nodes: z.array(Node).max(5_000).default([]),
  edges: z.array(Edge).max(20_000).default([]),
  notes: z.array(Note).max(1_000).default([]),
  settings: Settings.optional(),
});

/** A checked retry policy, defaults filled in. */
export type RetryPolicy = z.infer<typeof RetryPolicy>;
/** A checked step limit. */
export type StepLimit = z.infer<typeof StepLimit>;
/** Checked settings of a pipeline, defaults filled in. */
export type Settings = z.infer<typeof Settings>;
/** A checked node, defaults filled in. */
export type Node = z.infer<typeof Node>;
/** A checked edge. */
export type Edge = z.infer<typeof Edge>;
/** A checked note. */
export type Note = z.infer<typeof Note>;
/** A checked document: shape only, see `validate` for its meaning. */
export type PipelineDocument = z.infer<typeof PipelineDocument>;
