import type { PipelineDocument } from '@switchyard/pipeline';
import type { Draft } from './save.ts';

/*
 * What is not on the server yet lies in this browser, written with each edit and taken away when the server has it. A
 * crash, a closed tab or a lost connection loses nothing: the next opening of the pipeline finds it here.
 */

/** The part of `localStorage` that is needed. May throw when full or barred. */
export type TextStore = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** An unsaved draft and the server version it was built on. */
export type KeptDraft = Draft & { readonly version: number };

const keyOf = (pipelineId: string): string => `switchyard.draft.${pipelineId}`;

/** Keeps a draft. Answers false when the browser refused (full or barred): the caller says so. */
export function keepDraft(store: TextStore, pipelineId: string, draft: KeptDraft): boolean {
  try {
    store.setItem(keyOf(pipelineId), JSON.stringify(draft));
    return true;
  } catch {
    return false;
  }
}

/** Forgets the draft of a pipeline: the server has it. */
export function dropDraft(store: TextStore, pipelineId: string): void {
  try {
    store.removeItem(keyOf(pipelineId));
  } catch {
    // A barred store holds nothing to forget.
  }
}

/** The kept draft of a pipeline, or null. `parse` refuses what is no document, so a broken entry is as good as none. */
export function keptDraft(
  store: TextStore,
  pipelineId: string,
  parse: (json: unknown) => PipelineDocument | null,
): KeptDraft | null {
  try {
    const text = store.getItem(keyOf(pipelineId));
    if (text === null) return null;
    const kept: unknown = JSON.parse(text);
    if (typeof kept !== 'object' || kept === null || !('version' in kept) || !('document' in kept) || !('name' in kept))
      return null;
    const document = parse(kept.document);
    if (document === null || typeof kept.version !== 'number' || typeof kept.name !== 'string') return null;
    return { version: kept.version, document, name: kept.name };
  } catch {
    return null;
  }
}
