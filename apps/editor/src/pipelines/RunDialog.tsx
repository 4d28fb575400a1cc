import type { PipelineDocument } from '@switchyard/pipeline';
import { Play } from 'lucide-react';
import { useState } from 'react';
import type { Catalogue } from '../document/node-types.ts';
import { titleOf } from '../document/node-types.ts';
import form from '../form/form.module.css';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';

type Props = {
  readonly pipelineId: string;
  readonly document: PipelineDocument;
  readonly catalogue: Catalogue;
  readonly onRun: (trigger: string, input: unknown) => void;
  readonly onClose: () => void;
};

const keyOf = (pipelineId: string, trigger: string): string => `switchyard.input.${pipelineId}.${trigger}`;

/** The input to begin with: what was run last, else the trigger's example, else an empty object. */
function firstInput(
  pipelineId: string,
  trigger: { readonly id: string; readonly config: Readonly<Record<string, unknown>> },
): string {
  const last = localStorage.getItem(keyOf(pipelineId, trigger.id));
  if (last !== null) return last;
  return JSON.stringify(trigger.config.example ?? {}, null, 2);
}

function problemOf(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Asks for the input of a run of the draft, as JSON, and remembers it for next time. */
export function RunDialog({ pipelineId, document, catalogue, onRun, onClose }: Props) {
  const triggers = document.nodes.filter((node) => catalogue.byId.get(node.type)?.group === 'trigger');
  const [chosen, setChosen] = useState(triggers[0]);
  const [text, setText] = useState(() => (chosen === undefined ? '{}' : firstInput(pipelineId, chosen)));
  const problem = problemOf(text);
  const run = (): void => {
    if (chosen === undefined || problem !== null) return;
    localStorage.setItem(keyOf(pipelineId, chosen.id), text);
    onRun(chosen.id, JSON.parse(text));
  };
  const choose = (id: string): void => {
    const trigger = triggers.find((other) => other.id === id);
    setChosen(trigger);
    if (trigger !== undefined) setText(firstInput(pipelineId, trigger));
  };
  if (chosen === undefined) {
    return (
      <Dialog
        title="Nothing starts this pipeline yet"
        description="Add a trigger first: a manual one is enough for the Run button."
        onClose={onClose}
        actions={<Button onClick={onClose}>Close</Button>}
      >
        {null}
      </Dialog>
    );
  }
  return (
    <Dialog
      title="Run the draft"
      description="The trigger gets this input. It is remembered in this browser."
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" icon={<Play size={14} />} disabled={problem !== null} onClick={run}>
            Start run
          </Button>
        </>
      }
    >
      <div className={form.group}>
        {triggers.length > 1 ? (
          <label className={form.field}>
            <span className={form.label}>Trigger</span>
            <select className={form.input} value={chosen.id} onChange={(event) => choose(event.target.value)}>
              {triggers.map((trigger) => (
                <option key={trigger.id} value={trigger.id}>
                  {titleOf(trigger, catalogue)}
                </option>
              ))}
            </select>
          </label>
        ) : null}
        <label className={form.field} data-bad={problem !== null}>
          <span className={form.label}>Input (JSON)</span>
          <textarea
            className={form.area}
            data-mono
            rows={10}
            autoFocus
            spellCheck={false}
            value={text}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={(event) => (event.key === 'Enter' && (event.ctrlKey || event.metaKey) ? run() : undefined)}
          />
          {problem === null ? null : <p className={form.problem}>{problem}</p>}
        </label>
      </div>
    </Dialog>
  );
}
