import {
  compileGraph,
  type PipelineDocument,
  type RunState,
  resolveNodeConfig,
  type StepPlace,
  type StoredValue,
  scopeOf,
  valuesNeeded,
} from '@switchyard/pipeline';
import { blobText } from '../api/resources.ts';
import type { Json } from './json-rows.ts';

/**
 * What a step was given: its config with every expression replaced by the run's values, computed by the same code as the
 * worker's. Throws `ExpressionError` when an expression cannot be evaluated. Loaded when first looked at.
 */
export async function stepInput(document: PipelineDocument, run: RunState, place: StepPlace): Promise<Json> {
  const graph = compileGraph(document);
  const loaded = new Map<string, Json>();
  await Promise.all(
    valuesNeeded(graph, run, place).map(async (value) => {
      if (!('blob' in value)) return;
      const text = await blobText(value.blob.sha256, run.runId ?? '');
      loaded.set(value.blob.sha256, value.blob.mediaType.includes('json') ? JSON.parse(text) : text);
    }),
  );
  const load = (value: StoredValue) =>
    'inline' in value
      ? value.inline
      : ((loaded.get(value.blob.sha256) ?? null) as Extract<StoredValue, { inline: unknown }>['inline']);
  return resolveNodeConfig(place.node, scopeOf(graph, run, place, load)) as Json;
}
