import type { TracedCall, TracedTurn } from '@switchyard/pipeline';
import { Brain, Check, ChevronRight, CircleHelp, LoaderCircle, X } from 'lucide-react';
import { memo, useState } from 'react';
import ui from '../ui/ui.module.css';
import { duration } from './duration.ts';
import { JsonView, LongText } from './JsonView.tsx';
import type { Json } from './json-rows.ts';
import { Markdown } from './Markdown.tsx';
import css from './runs.module.css';
import { StoredValueView } from './StoredValueView.tsx';
import turnCss from './turns.module.css';
import valueCss from './value.module.css';

type Props = {
  readonly turn: TracedTurn;
  readonly newlyHidden: boolean;
  readonly live: boolean;
  readonly runId: string;
};

/** One turn: its thought folded to a line, its text, its tool calls in order. */
export const TurnCard = memo(function TurnCard({ turn, newlyHidden, live, runId }: Props) {
  return (
    <article
      className={turnCss.turn}
      data-state={turn.state}
      aria-label={`Turn ${turn.turn}`}
      data-testid={`turn-${turn.turn}`}
    >
      <header className={turnCss.turnHead}>
        <strong>Turn {turn.turn}</strong>
        {turn.state === 'incomplete' ? <span className={turnCss.thrown}>taken again: {turn.reason}</span> : null}
        <span className={css.spring} />
        <span className={css.faint}>
          {turn.modelMs === null ? (turn.state === 'running' ? 'thinking…' : '') : duration(turn.modelMs)}
          {turn.usage === null
            ? ''
            : ` · ${turn.usage.prompt.toLocaleString()} in / ${turn.usage.completion.toLocaleString()} out`}
        </span>
      </header>
      {newlyHidden ? (
        <p className={turnCss.hidden}>
          From here on the model does not see {turn.hidden === 1 ? 'call 1' : `calls 1–${turn.hidden}`} any more: its
          window was full. They are kept here.
        </p>
      ) : null}
      <Thought turn={turn} live={live} />
      {turn.text === '' ? null : <Markdown text={turn.text} />}
      {turn.calls.map((call) => (
        <CallCard key={call.call.id} call={call} runId={runId} />
      ))}
      {turn.notes.map((note) => (
        <p key={note} className={turnCss.hidden}>
          {note}
        </p>
      ))}
    </article>
  );
});

/** Words of the fold: time and tokens of this thought alone. A turn that only thought and called has no other text to count. */
function thoughtWords(turn: TracedTurn): string {
  const time = turn.modelMs === null ? '' : ` for ${duration(turn.modelMs)}`;
  const tokens = turn.usage === null ? '' : ` · ${turn.usage.completion.toLocaleString()} tokens`;
  return `Thought${time}${tokens}`;
}

function Thought({ turn, live }: { readonly turn: TracedTurn; readonly live: boolean }) {
  // Open while it is being thought, closed when it is done; a hand that toggles wins for ever.
  const [byHand, setByHand] = useState<boolean | null>(null);
  if (turn.thought === '' && !(live && turn.state === 'running')) return null;
  const thinking = turn.state === 'running';
  const open = byHand ?? (live && thinking);
  const firstLine = turn.thought.trim().split('\n')[0] ?? '';
  return (
    <div className={turnCss.thought} data-open={open}>
      <button type="button" aria-expanded={open} onClick={() => setByHand(!open)}>
        <ChevronRight size={14} aria-hidden className={turnCss.chevron} />
        <Brain size={14} aria-hidden />
        <span>{thinking ? 'Thinking…' : thoughtWords(turn)}</span>
        {open ? null : <span className={turnCss.preview}>{firstLine}</span>}
      </button>
      {open ? <div className={turnCss.thoughtText}>{turn.thought}</div> : null}
    </div>
  );
}

const CALL_MARKS = {
  asked: LoaderCircle,
  running: LoaderCircle,
  succeeded: Check,
  failed: X,
  in_doubt: CircleHelp,
} as const;
const CALL_WORDS = {
  asked: 'asked for',
  running: 'running',
  succeeded: 'succeeded',
  failed: 'failed',
  in_doubt: 'in doubt',
} as const;

function argumentsOf(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** The argument that says most: the first text of the arguments, on one line. */
function hintOf(value: Json): string {
  const found =
    typeof value === 'object' && value !== null ? Object.values(value).find((part) => typeof part === 'string') : value;
  return typeof found === 'string' ? found.replace(/\s+/g, ' ') : '';
}

function CallCard({ call, runId }: { readonly call: TracedCall; readonly runId: string }) {
  const [open, setOpen] = useState(false);
  const Mark = CALL_MARKS[call.state];
  const args = argumentsOf(call.call.arguments);
  const turning = call.state === 'running' || call.state === 'asked';
  return (
    <div className={turnCss.call} data-state={call.state} data-testid="tool-call">
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        <ChevronRight size={14} aria-hidden className={turnCss.chevron} />
        <span className={turnCss.callMark}>
          <Mark size={14} aria-hidden className={turning ? ui.turning : undefined} />
          <span className="visually-hidden">{CALL_WORDS[call.state]}</span>
        </span>
        <code className={turnCss.callName}>{call.call.name}</code>
        <span className={turnCss.preview}>{hintOf(args)}</span>
        {call.ms === null ? null : <span className={css.faint}>{duration(call.ms)}</span>}
      </button>
      {open || call.state === 'failed' ? (
        <div className={turnCss.callBody}>
          {open ? (
            <>
              <h4>Arguments</h4>
              <CallArguments value={args} />
            </>
          ) : null}
          {call.result === null ? null : (
            <>
              <h4>Result</h4>
              <StoredValueView value={call.result} runId={runId} label="Result" />
            </>
          )}
        </div>
      ) : null}
    </div>
  );
}

/** Arguments to read: a single text (code, an address) as text, all else as JSON. */
function CallArguments({ value }: { readonly value: Json }) {
  const entries = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  const [only] = entries;
  if (entries.length === 1 && only !== undefined && typeof only[1] === 'string') {
    return (
      <section className={valueCss.value} aria-label="Arguments">
        <span className={valueCss.key}>{only[0]}</span>
        <LongText text={only[1]} />
      </section>
    );
  }
  return <JsonView value={value} label="Arguments" />;
}
