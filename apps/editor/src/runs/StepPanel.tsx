import { nodeOfStep, type StepState } from '@switchyard/pipeline';
import { useQuery } from '@tanstack/react-query';
import { ChevronLeft, Link as LinkIcon } from 'lucide-react';
import { useState } from 'react';
import { loopProgress, type RunFeed, statusOf, useFeed } from '../live/run-feed.ts';
import { later } from '../system.ts';
import { IconButton } from '../ui/Button.tsx';
import { StateMark } from '../ui/StateMark.tsx';
import { between, duration } from './duration.ts';
import { FailureView } from './FailureView.tsx';
import { IterationPicker } from './IterationPicker.tsx';
import { keyShown } from './iterations.ts';
import { JsonView } from './JsonView.tsx';
import css from './runs.module.css';
import { StoredValueView } from './StoredValueView.tsx';
import { TurnList } from './TurnList.tsx';
import { useNow } from './use-now.ts';
import { WaitPanel } from './WaitPanel.tsx';

/** The parts of a step that can be looked at. */
export type StepTab = 'input' | 'output' | 'error' | 'turns';

const WORDS: Readonly<Record<StepTab, string>> = { turns: 'Turns', output: 'Output', error: 'Error', input: 'Input' };

type Props = {
  readonly feed: RunFeed;
  /** A node's id, which of a node in a loop means its newest iteration, or a whole key. Give the component a key of it. */
  readonly chosen: string;
  readonly title: string;
  readonly tab?: StepTab | undefined;
  readonly turn?: number | undefined;
  readonly onTab?: (tab: StepTab) => void;
  readonly onBack: () => void;
};

/** What one step got, did and gave. */
export function StepPanel({ feed, chosen: asked, title, tab, turn, onTab, onBack }: Props) {
  const [picked, setPicked] = useState(asked);
  const stepKey = useFeed(feed, (state) => keyShown(state.run, picked));
  const step = useFeed(feed, (state) => state.run.steps.get(stepKey));
  const hasTurns = useFeed(feed, (state) => state.traces.has(stepKey));
  const [chosen, setChosen] = useState<StepTab | null>(null);
  const isTrigger = useFeed(feed, (state) => state.run.trigger?.node === stepKey);
  const tabs = tabsOf(step, hasTurns, isTrigger);
  const wanted = tab ?? chosen;
  const shown = wanted !== null && tabs.includes(wanted) ? wanted : (tabs[0] ?? 'input');
  const choose = (next: StepTab): void => {
    setChosen(next);
    onTab?.(next);
  };
  return (
    <div className={css.panel} data-testid="step-panel">
      <StepHead feed={feed} step={step} stepKey={stepKey} title={title} tab={shown} onBack={onBack} />
      <IterationPicker feed={feed} stepKey={stepKey} onPick={(key) => setPicked(key ?? nodeOfStep(asked))} />
      <WaitPanel feed={feed} stepKey={stepKey} />
      <div className={css.tabs} role="tablist" aria-label="Step">
        {tabs.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-controls="step-tab"
            aria-selected={shown === name}
            onClick={() => choose(name)}
          >
            {WORDS[name]}
          </button>
        ))}
      </div>
      <div className={css.tabBody} role="tabpanel" id="step-tab" aria-labelledby={`tab-${shown}`} data-tab={shown}>
        <TabBody feed={feed} step={step} stepKey={stepKey} tab={shown} turn={turn} />
      </div>
    </div>
  );
}

function tabsOf(step: StepState | undefined, hasTurns: boolean, isTrigger: boolean): readonly StepTab[] {
  if (isTrigger) return ['output'];
  const failed = step?.failure !== undefined && step.failure !== null;
  return [
    ...(failed ? ['error' as const] : []),
    ...(hasTurns ? ['turns' as const] : []),
    ...(failed && step.state === 'failed' ? [] : ['output' as const]),
    'input',
  ];
}

function StepHead({
  feed,
  step,
  stepKey,
  title,
  tab,
  onBack,
}: {
  readonly feed: RunFeed;
  readonly step: StepState | undefined;
  readonly stepKey: string;
  readonly title: string;
  readonly tab: StepTab;
  readonly onBack: () => void;
}) {
  const running = step !== undefined && step.finishedAt === null;
  const time = useNow(running);
  const [copied, setCopied] = useState(false);
  const isTrigger = useFeed(feed, (state) => state.run.trigger?.node === stepKey);
  const state = isTrigger ? 'succeeded' : step === undefined ? null : statusOf(step).state;
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(
      `${window.location.origin}/runs/${feed.getState().runId}?step=${encodeURIComponent(stepKey)}&tab=${tab}`,
    );
    setCopied(true);
    later(() => setCopied(false), 1500);
  };
  return (
    <header className={css.stepHead}>
      <IconButton label="Back to all steps" onClick={onBack}>
        <ChevronLeft size={16} />
      </IconButton>
      <h2>{title}</h2>
      <span className={css.spring} />
      {step?.loop == null ? null : <span className={css.faint}>{loopProgress(step.loop)}</span>}
      {step === undefined || step.attempt < 2 ? null : <span className={css.faint}>attempt {step.attempt}</span>}
      {step?.startedAt == null ? null : (
        <span className={css.number}>{duration(between(step.startedAt, step.finishedAt, time))}</span>
      )}
      {state === null ? <span className={css.faint}>Not started</span> : <StateMark state={state} />}
      <IconButton label={copied ? 'Link copied' : 'Copy link'} onClick={() => void copy()}>
        <LinkIcon size={14} />
      </IconButton>
    </header>
  );
}

type BodyProps = {
  readonly feed: RunFeed;
  readonly step: StepState | undefined;
  readonly stepKey: string;
  readonly tab: StepTab;
  readonly turn: number | undefined;
};

function TabBody({ feed, step, stepKey, tab, turn }: BodyProps) {
  const { runId } = feed.getState();
  const triggerInput = useFeed(feed, (state) => (state.run.trigger?.node === stepKey ? state.run.input : null));
  switch (tab) {
    case 'turns':
      return <TurnList feed={feed} stepKey={stepKey} turn={turn} />;
    case 'error':
      return step?.failure == null ? null : (
        <FailureView failure={step.failure} about={{ run: runId, step: stepKey, attempt: step.attempt }} />
      );
    case 'output': {
      const value = triggerInput ?? step?.output ?? null;
      return value === null ? (
        <p className={css.faint}>{words(step)}</p>
      ) : (
        <StoredValueView value={value} runId={runId} label="Output" />
      );
    }
    case 'input':
      return <InputView feed={feed} step={step} stepKey={stepKey} />;
  }
}

function words(step: StepState | undefined): string {
  if (step === undefined) return 'This step has not started.';
  if (step.state === 'skipped') return 'This step was skipped: no branch led here.';
  return step.finishedAt === null ? 'No output yet: the step is still at work.' : 'This step has no output.';
}

function InputView({ feed, step, stepKey }: Pick<BodyProps, 'feed' | 'step' | 'stepKey'>) {
  const document = useFeed(feed, (state) => state.detail?.revision.document);
  const node = document?.nodes.find((other) => other.id === nodeOfStep(stepKey));
  const { data, error } = useQuery({
    queryKey: ['step-input', feed.getState().runId, stepKey, step?.attempt],
    enabled: document !== undefined && node !== undefined && step !== undefined,
    retry: false,
    queryFn: async () => {
      if (document === undefined || node === undefined) return null;
      const { stepInput } = await import('./step-input.ts');
      return stepInput(document, feed.getState().run, { node, key: stepKey });
    },
  });
  if (error !== null) return <p className={css.faint}>The input cannot be shown: {error.message}</p>;
  return data === undefined ? <p className={css.faint}>{words(step)}</p> : <JsonView value={data} label="Input" />;
}
