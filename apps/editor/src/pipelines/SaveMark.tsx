import { Check, CloudOff, LoaderCircle, TriangleAlert } from 'lucide-react';
import { useDraftPart } from '../document/draft-store.ts';
import type { SaveState } from '../document/save.ts';
import css from './editor.module.css';

const time = (at: number): string => new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });

function words(save: SaveState): string {
  switch (save.phase) {
    case 'saved':
      return save.at === null ? 'Saved' : `Saved ${time(save.at)}`;
    case 'dirty':
    case 'saving':
      return 'Saving…';
    case 'offline':
      return 'Offline, kept in this browser';
    case 'refused':
      return `Not saved: ${save.message}`;
    case 'conflict':
      return 'Conflict';
  }
}

/** Where saving stands, in a word. */
export function SaveMark() {
  const save = useDraftPart((state) => state.save);
  const Icon = {
    saved: Check,
    dirty: LoaderCircle,
    saving: LoaderCircle,
    offline: CloudOff,
    refused: TriangleAlert,
    conflict: TriangleAlert,
  }[save.phase];
  return (
    <span className={css.save} data-phase={save.phase} role="status" data-testid="save-state">
      <Icon size={13} aria-hidden />
      {words(save)}
    </span>
  );
}
