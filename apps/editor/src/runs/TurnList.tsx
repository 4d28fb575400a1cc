import type { AgentTrace } from '@switchyard/pipeline';
import { useVirtualizer, type Virtualizer } from '@tanstack/react-virtual';
import { ArrowDown } from 'lucide-react';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { type RunFeed, useFeed } from '../live/run-feed.ts';
import { Button } from '../ui/Button.tsx';
import { TurnCard } from './TurnCard.tsx';
import turnCss from './turns.module.css';

const EMPTY: AgentTrace = { turns: [], hidden: 0, usage: { prompt: 0, completion: 0, cached: 0 } };

/** The turns of an agent step, drawn as far as they are seen; follows the newest one until the person scrolls away. */
export function TurnList({
  feed,
  stepKey,
  turn,
}: {
  readonly feed: RunFeed;
  readonly stepKey: string;
  readonly turn: number | undefined;
}) {
  const { turns, usage } = useFeed(feed, (state) => state.traces.get(stepKey) ?? EMPTY);
  const live = useFeed(feed, (state) => state.run.steps.get(stepKey)?.finishedAt === null);
  const box = useRef<HTMLDivElement>(null);
  const [follows, setFollows] = useState(live && turn === undefined);
  const list = useVirtualizer({
    count: turns.length,
    getScrollElement: () => box.current,
    estimateSize: () => 160,
    overscan: 4,
    getItemKey: (index) => index,
  });
  const last = turns.at(-1);

  // biome-ignore lint/correctness/useExhaustiveDependencies: whatever grows the last turn must be followed
  useLayoutEffect(() => {
    if (follows && live && turns.length > 0) list.scrollToIndex(turns.length - 1, { align: 'end' });
  }, [follows, live, turns.length, last?.text, last?.thought, last?.calls, list]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only where the address names a turn, not with each new one
  useEffect(() => {
    const index = turn === undefined ? -1 : turns.findIndex((other) => other.turn === turn);
    if (index >= 0) list.scrollToIndex(index, { align: 'start' });
  }, [turn]);
  const scrolledByHand = (): void => {
    const area = box.current;
    if (area !== null) setFollows(area.scrollHeight - area.scrollTop - area.clientHeight < 48);
  };
  return (
    <div className={turnCss.turns}>
      <div className={turnCss.usage}>
        <span>
          {turns.length} turn{turns.length === 1 ? '' : 's'}
        </span>
        <span>
          {usage.prompt.toLocaleString()} tokens in
          {usage.cached > 0 ? ` (${usage.cached.toLocaleString()} cached)` : ''} · {usage.completion.toLocaleString()}{' '}
          out
        </span>
      </div>
      <section
        ref={box}
        className={turnCss.turnBox}
        onWheel={() => requestAnimationFrame(scrolledByHand)}
        onKeyUp={scrolledByHand}
        onPointerUp={scrolledByHand}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        tabIndex={0}
        aria-label="Turns"
      >
        <DrawnTurns list={list} turns={turns} live={live} runId={feed.getState().runId} />
      </section>
      {live && !follows ? (
        <Button className={turnCss.followButton ?? ''} icon={<ArrowDown size={14} />} onClick={() => setFollows(true)}>
          Follow
        </Button>
      ) : null}
    </div>
  );
}

type DrawnProps = {
  readonly list: Virtualizer<HTMLDivElement, Element>;
  readonly turns: AgentTrace['turns'];
  readonly live: boolean;
  readonly runId: string;
};

/** The turns in view, each where its measured height puts it. */
function DrawnTurns({ list, turns, live, runId }: DrawnProps) {
  return (
    <div style={{ height: list.getTotalSize(), position: 'relative' }}>
      {list.getVirtualItems().map(({ index, start, key }) => {
        const shown = turns[index];
        return shown === undefined ? null : (
          <div
            key={key}
            data-index={index}
            ref={list.measureElement}
            className={turnCss.turnSlot}
            style={{ transform: `translateY(${start}px)` }}
          >
            <TurnCard
              turn={shown}
              newlyHidden={shown.hidden > (turns[index - 1]?.hidden ?? 0)}
              live={live && index === turns.length - 1}
              runId={runId}
            />
          </div>
        );
      })}
    </div>
  );
}
