import type { Settings } from '@switchyard/pipeline';
import type { Workbench } from '../canvas/actions.ts';
import { useDraftPart } from '../document/draft-store.ts';
import { DEFAULT_SETTINGS, settingsOf, withSetting } from '../document/settings.ts';
import form from '../form/form.module.css';
import { NumberInput } from '../form/NumberInput.tsx';
import inspector from '../inspector/inspector.module.css';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import css from './editor.module.css';

type SetSetting = <Name extends keyof Settings>(name: Name, value: Settings[Name] | undefined) => void;
type Part = { readonly settings: Settings; readonly set: SetSetting };

const MEGABYTE = 1_000_000;

/** How runs of this pipeline share the installation, and how long they are kept. Changes are part of the draft: undo takes them back. */
export function SettingsDialog({ bench, onClose }: { readonly bench: Workbench; readonly onClose: () => void }) {
  const settings = useDraftPart((state) => settingsOf(state.document));
  const set: SetSetting = (name, value) =>
    bench.draft.edit({ label: 'change pipeline settings', mergeKey: `settings:${name}` }, (document) =>
      withSetting(document, name, value),
    );
  return (
    <Dialog
      title="Pipeline settings"
      description="For draft runs at once, for all others from the next publish on."
      onClose={onClose}
      actions={
        <Button tone="primary" onClick={onClose}>
          Done
        </Button>
      }
    >
      <div className={form.group}>
        <AtOnce settings={settings} set={set} />
        <Line settings={settings} set={set} />
        <Keeping settings={settings} set={set} />
      </div>
    </Dialog>
  );
}

function AtOnce({ settings: { concurrency, rate }, set }: Part) {
  return (
    <section className={inspector.section}>
      <h3>Limits</h3>
      <div className={css.settingsPair}>
        <NumberInput
          label="Runs at once"
          unset="No limit"
          value={concurrency?.max}
          min={1}
          max={10_000}
          onChange={(max) => set('concurrency', max === undefined ? undefined : { ...concurrency, max })}
        />
        <label className={form.field}>
          <span className={form.label}>Counted per</span>
          <input
            className={form.input}
            value={concurrency?.key ?? ''}
            disabled={concurrency === undefined}
            placeholder="run.input.customer"
            spellCheck={false}
            onChange={({ target }) => {
              if (concurrency === undefined) return;
              const { key: _old, ...rest } = concurrency;
              set('concurrency', target.value === '' ? rest : { ...rest, key: target.value });
            }}
          />
        </label>
        <NumberInput
          label="Starts"
          unset="No limit"
          value={rate?.max}
          min={1}
          max={1_000_000}
          onChange={(max) => set('rate', max === undefined ? undefined : { perSeconds: rate?.perSeconds ?? 60, max })}
        />
        <NumberInput
          label="in seconds"
          unset="60"
          value={rate?.perSeconds}
          min={0.1}
          max={86_400}
          whole={false}
          onChange={(perSeconds) => rate && set('rate', { ...rate, perSeconds: perSeconds ?? 60 })}
        />
      </div>
      <p className={form.help}>
        Runs over a limit wait as queued. “Counted per” is an expression; empty: all together.
      </p>
    </section>
  );
}

function Line({ settings, set }: Part) {
  return (
    <section className={inspector.section}>
      <h3>Waiting line</h3>
      <div className={css.settingsPair}>
        <NumberInput
          label="Longest line"
          help="Runs not yet ended; further starts are refused with 429."
          unset={String(DEFAULT_SETTINGS.queueMax)}
          value={settings.queueMax}
          min={1}
          max={1_000_000}
          onChange={(value) => set('queueMax', value)}
        />
        <NumberInput
          label="Priority"
          help="−100 to 100; higher goes first."
          unset="0"
          value={settings.priority}
          min={-100}
          max={100}
          onChange={(value) => set('priority', value)}
        />
        <NumberInput
          label="Share"
          help="Weight among pipelines that compete for workers."
          unset="1"
          value={settings.weight}
          min={1}
          max={100}
          onChange={(value) => set('weight', value)}
        />
      </div>
    </section>
  );
}

function Keeping({ settings, set }: Part) {
  const { keepDays, keepBytes } = settings;
  return (
    <section className={inspector.section}>
      <h3>Ended runs are kept</h3>
      <div className={css.settingsPair}>
        <NumberInput
          label="Days"
          unset="For ever"
          value={keepDays ?? undefined}
          min={1}
          max={3650}
          onChange={(value) => set('keepDays', value ?? null)}
        />
        <NumberInput
          label="Megabytes"
          unset="No limit"
          value={keepBytes === undefined ? undefined : keepBytes / MEGABYTE}
          min={1}
          max={1_000_000}
          onChange={(value) => set('keepBytes', value === undefined ? undefined : value * MEGABYTE)}
        />
      </div>
    </section>
  );
}
