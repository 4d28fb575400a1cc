import type { AgentTrace } from '@switchyard/pipeline';
import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown } from 'lucide-react';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { type RunFeed, useFeed } from '../live/run-feed.ts';
import { Button } from '../ui/Button.tsx';
import css from './runs.module.css';
import { TurnCard } from './TurnCard.tsx';

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

  useLayoutEffect(() => {
    if (follows && live && turns.length > 0) list.scrollToIndex(turns.length - 1, { align: 'end' });
  }, [follows, live, turns.length, last?.text, last?.thought, last?.calls, list]);
  useEffect(() => {
    const index = turn === undefined ? -1 : turns.findIndex((other) => other.turn === turn);
    if (index >= 0) list.scrollToIndex(index, { align: 'start' });
    // Only where the address names a turn, not with each new one.
  }, [turn]);
  const scrolledByHand = (): void => {
    const area = box.current;
    if (area !== null) setFollows(area.scrollHeight - area.scrollTop - area.clientHeight < 48);
  };
  return (
    <div className={css.turns}>
      <div className={css.usage}>
        <span>
          {turns.length} turn{turns.length === 1 ? '' : 's'}
        </span>
        <span>
          {usage.prompt.toLocaleString()} tokens in
          {usage.cached > 0 ? ` (${usage.cached.toLocaleString()} cached)` : ''} · {usage.completion.toLocaleString()}{' '}
          out
        </span>
      </div>
      <div
        ref={box}
        className={css.turnBox}
        onWheel={() => requestAnimationFrame(scrolledByHand)}
        onKeyUp={scrolledByHand}
        onPointerUp={scrolledByHand}
        tabIndex={0}
        role="region"
        aria-label="Turns"
      >
        <div style={{ height: list.getTotalSize(), position: 'relative' }}>
          {list.getVirtualItems().map(({ index, start, key }) => {
            const shown = turns[index];
            return shown === undefined ? null : (
              <div
                key={key}
                data-index={index}
                ref={list.measureElement}
                className={css.turnSlot}
                style={{ transform: `translateY(${start}px)` }}
              >
                <TurnCard
                  turn={shown}
                  newlyHidden={shown.hidden > (turns[index - 1]?.hidden ?? 0)}
                  live={live && index === turns.length - 1}
                  runId={feed.getState().runId}
                />
              </div>
            );
          })}
        </div>
      </div>
      {live && !follows ? (
        <Button className={css.followButton ?? ''} icon={<ArrowDown size={14} />} onClick={() => setFollows(true)}>
          Follow
        </Button>
      ) : null}
    </div>
  );
}
