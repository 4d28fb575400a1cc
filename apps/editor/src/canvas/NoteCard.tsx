import type { NodeProps } from '@xyflow/react';
import { memo } from 'react';
import css from './canvas.module.css';
import type { NoteNode } from './flow.ts';
import { useCanvas } from './surroundings.ts';

/** A note: free text, edited in place when it is selected. */
export const NoteCard = memo(function NoteCard({ id, data: { note }, selected }: NodeProps<NoteNode>) {
  const { readOnly, writeNote } = useCanvas();
  return (
    <div className={css.note} data-selected={selected}>
      {selected && !readOnly ? (
        <textarea
          className="nodrag nowheel"
          aria-label="Note text"
          placeholder="Write a note…"
          value={note.text}
          onChange={(event) => writeNote(id, event.target.value)}
        />
      ) : (
        <p>{note.text === '' ? 'Empty note' : note.text}</p>
      )}
    </div>
  );
});
