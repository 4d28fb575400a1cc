import type { Node } from '@switchyard/pipeline';
import type { Workbench } from '../canvas/actions.ts';
import { changeNode } from '../document/edits.ts';
import { titleOf } from '../document/node-types.ts';
import form from '../form/form.module.css';
import { NumberInput } from '../form/NumberInput.tsx';
import css from './inspector.module.css';

const CHOICES = [
  ['fail', 'The run fails'],
  ['continue', 'The run goes on'],
  ['port', 'Go on by an Error output'],
] as const;

type Retry = NonNullable<Node['retry']>;
type Part = { readonly node: Node; readonly change: (part: string, next: (node: Node) => Node) => void };

const RETRY: Retry = { attempts: 1, backoffSeconds: 1, on: ['failed', 'timed_out', 'worker_lost'] };

const withRetry = (node: Node, part: Partial<Retry>): Node => ({
  ...node,
  retry: { ...RETRY, ...node.retry, ...part },
});

/** What a failure of this step means for the run, how often it is tried again, and how many may be at work at once. */
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
              change('attempts', ({ retry: _old, ...rest }) =>
                wanted === 1 ? rest : withRetry(node, { attempts: wanted }),
              );
            }}
          />
        </label>
      </div>
      {attempts === 1 ? null : <Retrying node={node} change={change} />}
      <details className={css.more}>
        <summary>Time and limits</summary>
        <div className={css.moreBody}>
          <Limits node={node} change={change} />
        </div>
      </details>
    </section>
  );
}

const CLASSES = [
  ['failed', 'It failed'],
  ['timed_out', 'It took too long'],
  ['worker_lost', 'Its worker died'],
] as const;

function Retrying({ node, change }: Part) {
  const { backoffSeconds, on } = node.retry ?? RETRY;
  return (
    <>
      <NumberInput
        label="Seconds between attempts"
        help="Doubles with each attempt, up to an hour."
        unset="1"
        value={backoffSeconds}
        min={0}
        max={3600}
        whole={false}
        onChange={(value) => change('back-off', (old) => withRetry(old, { backoffSeconds: value ?? 1 }))}
      />
      <fieldset className={form.checks}>
        <legend className={form.label}>Tried again when</legend>
        {CLASSES.map(([name, words]) => (
          <label key={name} className={form.check}>
            <input
              type="checkbox"
              checked={on.includes(name)}
              onChange={({ target }) =>
                change('retries', (old) =>
                  withRetry(old, { on: target.checked ? [...on, name] : on.filter((other) => other !== name) }),
                )
              }
            />
            {words}
          </label>
        ))}
      </fieldset>
    </>
  );
}

function Limits({ node, change }: Part) {
  const { limit, timeoutSeconds } = node;
  const setLimit = (part: Partial<NonNullable<Node['limit']>>): void =>
    change('limit', (old) => ({ ...old, limit: { key: old.id, max: 1, ...old.limit, ...part } }));
  return (
    <>
      <NumberInput
        label="Time limit in seconds"
        unset="No limit"
        value={timeoutSeconds}
        min={0.001}
        max={30 * 24 * 3600}
        whole={false}
        onChange={(value) =>
          change('time limit', ({ timeoutSeconds: _old, ...rest }) =>
            value === undefined ? rest : { ...rest, timeoutSeconds: value },
          )
        }
      />
      <NumberInput
        label="At work at once, over all runs"
        help="Further ones wait their turn."
        unset="No limit"
        value={limit?.max}
        min={1}
        max={10_000}
        onChange={(max) =>
          max === undefined ? change('limit', ({ limit: _old, ...rest }) => rest) : setLimit({ max })
        }
      />
      {limit === undefined ? null : (
        <>
          <label className={form.field}>
            <span className={form.label}>Limit’s name</span>
            <input
              className={form.input}
              value={limit.key}
              maxLength={120}
              spellCheck={false}
              onChange={({ target }) => (target.value === '' ? undefined : setLimit({ key: target.value }))}
            />
            <span className={form.help}>Steps with the same name share the limit, also in other pipelines.</span>
          </label>
          <NumberInput
            label="Begun within seconds"
            help="Makes it a rate: so many may begin in this time."
            unset="Not a rate"
            value={limit.perSeconds}
            min={0.1}
            max={86_400}
            whole={false}
            onChange={(perSeconds) =>
              change('limit', (old) => {
                const { perSeconds: _old, ...rest } = old.limit ?? { key: old.id, max: 1 };
                return { ...old, limit: perSeconds === undefined ? rest : { ...rest, perSeconds } };
              })
            }
          />
        </>
      )}
    </>
  );
}
