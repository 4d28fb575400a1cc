import { addStep, type Workbench } from '../canvas/actions.ts';
import { TypeIcon } from '../canvas/icons.tsx';
import { useDraftPart } from '../document/draft-store.ts';
import css from './editor.module.css';

/** What an empty canvas says: begin with a trigger, search, or paste. */
export function EmptyCanvas({ bench, onSearch }: { readonly bench: Workbench; readonly onSearch: () => void }) {
  const empty = useDraftPart((state) => state.document.nodes.length === 0 && state.document.notes.length === 0);
  if (!empty) return null;
  return (
    <div className={css.emptyCanvas}>
      <h2>Start with a trigger</h2>
      <p>What should start this pipeline?</p>
      <div className={css.triggers}>
        {bench.catalogue.list
          .filter((type) => type.group === 'trigger')
          .map((type) => (
            <button key={type.id} type="button" onClick={() => addStep(bench, type, { kind: 'free' })}>
              <span data-group="trigger">
                <TypeIcon name={type.icon} size={20} />
              </span>
              {type.title}
            </button>
          ))}
      </div>
      <p>
        Or{' '}
        <button type="button" className={css.link} onClick={onSearch}>
          search all nodes
        </button>{' '}
        (<kbd>N</kbd>), or paste a copied pipeline.
      </p>
    </div>
  );
}
