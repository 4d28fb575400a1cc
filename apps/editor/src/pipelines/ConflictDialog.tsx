import type { Node, PipelineDocument } from '@switchyard/pipeline';
import { useState } from 'react';
import { useDraft, useDraftPart } from '../document/draft-store.ts';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import css from './editor.module.css';

const text = (document: PipelineDocument): string => JSON.stringify(document, null, 2);

type Difference = { readonly id: string; readonly words: string };

/** What differs between two documents, step by step, in words. */
export function differences(mine: PipelineDocument, theirs: PipelineDocument): readonly Difference[] {
  const other = new Map(theirs.nodes.map((node) => [node.id, node]));
  const same = (node: Node, against: Node): boolean => JSON.stringify(node) === JSON.stringify(against);
  const changed = mine.nodes.flatMap((node): Difference[] => {
    const against = other.get(node.id);
    if (against === undefined) return [{ id: node.id, words: 'only in mine' }];
    return same(node, against) ? [] : [{ id: node.id, words: 'differs' }];
  });
  const ids = new Set(mine.nodes.map((node) => node.id));
  const added = theirs.nodes
    .filter((node) => !ids.has(node.id))
    .map((node): Difference => ({ id: node.id, words: 'only in theirs' }));
  const edges =
    JSON.stringify(mine.edges) === JSON.stringify(theirs.edges) ? [] : [{ id: 'connections', words: 'differ' }];
  return [...changed, ...added, ...edges];
}

/** Somebody else saved this pipeline meanwhile: mine, theirs, or a look at both first. Closing it decides nothing. */
export function ConflictDialog() {
  const draft = useDraft();
  const save = useDraftPart((state) => state.save);
  const mine = useDraftPart((state) => state.document);
  const [both, setBoth] = useState(false);
  if (save.phase !== 'conflict') return null;
  const { theirs } = save;
  return (
    <Dialog
      title="This pipeline was changed elsewhere"
      description="Another tab or person saved it after you opened it. Your version is kept in this browser until you choose."
      wide={both}
      onClose={() => setBoth(!both)}
      actions={
        <>
          <Button tone="quiet" onClick={() => setBoth(!both)}>
            {both ? 'Hide both' : 'See both'}
          </Button>
          <Button onClick={draft.takeTheirs}>Take theirs</Button>
          <Button tone="primary" onClick={draft.keepMine}>
            Keep mine
          </Button>
        </>
      }
    >
      <ul className={css.differences}>
        {differences(mine, theirs.document).map(({ id, words }) => (
          <li key={id}>
            <code>{id}</code> {words}
          </li>
        ))}
      </ul>
      {both ? (
        <div className={css.both}>
          <section>
            <h3>Mine</h3>
            <pre>{text(mine)}</pre>
          </section>
          <section>
            <h3>Theirs (version {theirs.version})</h3>
            <pre>{text(theirs.document)}</pre>
          </section>
        </div>
      ) : null}
    </Dialog>
  );
}
