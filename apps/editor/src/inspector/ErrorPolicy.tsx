import type { Node } from '@switchyard/pipeline';
import type { Workbench } from '../canvas/actions.ts';
import { changeNode } from '../document/edits.ts';
import { titleOf } from '../document/node-types.ts';
import form from '../form/form.module.css';
import css from './inspector.module.css';

const CHOICES = [
  ['fail', 'The run fails'],
  ['continue', 'The run goes on'],
  ['port', 'Go on by an Error output'],
] as const;

/** What a failure of this step means for the run, and how often it is tried again. */
export function ErrorPolicy({ bench, node }: { readonly bench: Workbench; readonly node: Node }) {
  const change = (part: string, next: (node: Node) => Node): void =>
    bench.draft.edit(
      { label: `change ${part} of ${titleOf(node, bench.catalogue)}`, mergeKey: `${part}:${node.id}` },
      (document) => changeNode(document, node.id, next),
    );
  const attempts = node.retry?.attempts ?? 1;
  return (
    <section className={css.section}>
      <h3>When it fails</h3>
      <div className={css.two}>
        <label className={form.field}>
          <span className={form.label}>Then</span>
          <select
            className={form.input}
            value={node.onError}
            onChange={(event) =>
              change('error policy', (old) => ({ ...old, onError: event.target.value as Node['onError'] }))
            }
          >
            {CHOICES.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <label className={form.field}>
          <span className={form.label}>Attempts</span>
          <input
            className={form.input}
            type="number"
            min={1}
            max={100}
            value={attempts}
            onChange={(event) => {
              const wanted = Math.min(100, Math.max(1, Math.round(event.target.valueAsNumber) || 1));
              change('attempts', ({ retry, ...rest }) =>
                wanted === 1
                  ? rest
                  : {
                      ...rest,
                      retry: {
                        backoffSeconds: 1,
                        on: ['failed', 'timed_out', 'worker_lost'],
                        ...retry,
                        attempts: wanted,
                      },
                    },
              );
            }}
          />
        </label>
      </div>
    </section>
  );
}
