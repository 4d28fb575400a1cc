import {
  type AgentTrace,
  emptyRun,
  emptyTrace,
  foldAgent,
  foldRun,
  isOver,
  type JournalEvent,
  type LoopState,
  type RunState,
  type StepState,
} from '@switchyard/pipeline';
import { useEffect, useState } from 'react';
import { createStore, type StoreApi, useStore } from 'zustand';
import { run as fetchRun, type RunDetail, runEvents } from '../api/resources.ts';
import { stepsByNode } from '../runs/iterations.ts';
import { take } from './cursor.ts';
import { clearStatuses, type NodeStatus, showStatuses } from './run-store.ts';
import { followRun } from './stream.ts';

/*
 * A run as it happens: the journal up to now by request, what follows by stream, both through the same fold as worker and
 * server. What the stream may have missed (a reconnect, a sleeping tab) is asked for by seq; repeats are dropped.
 */

/** A followed run. `detail` is null until the first answer; `error` says why there is none. */
export type RunFeedState = {
  readonly runId: string;
  readonly detail: RunDetail | null;
  readonly run: RunState;
  readonly traces: ReadonlyMap<string, AgentTrace>;
  readonly error: Error | null;
};

/** The store of a followed run. */
export type RunFeed = StoreApi<RunFeedState>;

const AGENT_KINDS = /^(turn|thought|tool|window|budget|note)/;

/** Follows a run until `close`. Several followers of one run are several feeds. */
export function openRunFeed(runId: string): { readonly feed: RunFeed; readonly close: () => void } {
  const feed = createStore<RunFeedState>(() => ({
    runId,
    detail: null,
    run: emptyRun(),
    traces: new Map(),
    error: null,
  }));
  let next = feed.getState();
  let frameAsked = false;
  let closed = false;
  let fetching: Promise<void> | null = null;
  let stop: (() => void) | null = null;

  function show(): void {
    if (frameAsked) return;
    frameAsked = true;
    requestAnimationFrame(() => {
      frameAsked = false;
      if (!closed) feed.setState(next);
    });
  }

  function fold(events: readonly JournalEvent[]): boolean {
    const { fresh, gap } = take(next.run.seq, events);
    if (fresh.length > 0) {
      const before = next.run;
      next = { ...next, run: foldRun(before, fresh), traces: withTraces(next.traces, fresh) };
      showStatuses(statusesOf(fresh, next.run));
      if (isOver(next.run)) stop?.();
      show();
    }
    return gap;
  }

  /** Asks for what is after the last event folded, page by page. One asking at a time. */
  function catchUp(): Promise<void> {
    fetching ??= (async () => {
      for (let more = true; more && !closed; ) {
        const page = await runEvents(runId, next.run.seq);
        if (closed) return;
        fold(page.events);
        more = page.next !== null && page.events.length > 0;
      }
    })()
      .catch((error: unknown) => fail(error))
      .finally(() => {
        fetching = null;
      });
    return fetching;
  }

  function fail(error: unknown): void {
    next = { ...next, error: error instanceof Error ? error : new Error(String(error)) };
    show();
  }

  async function start(): Promise<void> {
    const detail = await fetchRun(runId);
    if (closed) return;
    next = { ...next, detail };
    show();
    await catchUp();
    if (closed || isOver(next.run)) return;
    stop = followRun({
      runId,
      after: () => next.run.seq,
      events: (batch) => (fold(batch) ? void catchUp() : undefined),
      resumed: () => (isOver(next.run) ? undefined : void catchUp()),
    });
  }

  clearStatuses();
  start().catch(fail);
  return {
    feed,
    close: () => {
      closed = true;
      stop?.();
      clearStatuses();
    },
  };
}

function withTraces(
  traces: ReadonlyMap<string, AgentTrace>,
  events: readonly JournalEvent[],
): ReadonlyMap<string, AgentTrace> {
  const mine = new Map<string, JournalEvent[]>();
  for (const event of events) {
    if (event.stepKey === null || !AGENT_KINDS.test(event.kind)) continue;
    const part = mine.get(event.stepKey);
    if (part === undefined) mine.set(event.stepKey, [event]);
    else part.push(event);
  }
  if (mine.size === 0) return traces;
  const next = new Map(traces);
  for (const [key, part] of mine) next.set(key, foldAgent(part, traces.get(key) ?? emptyTrace()));
  return next;
}

/** New statuses of the nodes that events speak of. A trigger has no step: it has done its work when the run starts. */
function statusesOf(events: readonly JournalEvent[], run: RunState): ReadonlyMap<string, NodeStatus> {
  const changed = new Map<string, NodeStatus>();
  for (const { kind, stepKey } of events) {
    if (kind === 'run.started' && run.trigger !== null)
      changed.set(run.trigger.node, {
        state: 'succeeded',
        attempt: 1,
        startedAt: run.startedAt,
        endedAt: run.startedAt,
        note: null,
      });
    const step = stepKey === null ? undefined : run.steps.get(stepKey);
    if (step !== undefined) changed.set(step.node, statusOf(step));
  }
  if (isOver(run))
    for (const steps of stepsByNode(run).values())
      for (const step of steps.slice(-1)) changed.set(step.node, statusOf(step));
  return changed;
}

/** What a card shows of a step. */
export function statusOf(step: StepState): NodeStatus {
  const state = step.state === 'queued' && step.failure !== null ? 'retrying' : step.state;
  return { state, attempt: step.attempt, startedAt: step.startedAt, endedAt: step.finishedAt, note: noteOf(step) };
}

function noteOf(step: StepState): string | null {
  if (step.state === 'waiting') return step.waitsFor?.reason ?? null;
  if (step.loop !== null) return loopProgress(step.loop);
  const { agent } = step;
  if (agent === null) return step.attempt > 1 ? `attempt ${step.attempt}` : null;
  const running = agent.lastCalls.find((call) => call.state === 'running');
  const turns = agent.thinking ?? agent.turns;
  const words = running === undefined ? `turn ${turns}` : `turn ${turns} · ${running.name}`;
  return step.state === 'running' ? words : `${agent.turns} turn${agent.turns === 1 ? '' : 's'}`;
}

/** How far a loop is, in words. */
export const loopProgress = ({ finished, count, failed }: LoopState): string =>
  `${finished} of ${count}${failed === 0 ? '' : ` · ${failed} failed`}`;

/** Follows a run as long as the component is drawn. Null while there is nothing to follow. */
export function useRunFeed(runId: string | null): RunFeed | null {
  const [opened, setOpened] = useState<RunFeed | null>(null);
  useEffect(() => {
    if (runId === null) return;
    const { feed, close } = openRunFeed(runId);
    setOpened(feed);
    return () => {
      setOpened(null);
      close();
    };
  }, [runId]);
  return opened;
}

/** A part of a followed run. */
export const useFeed = <T>(feed: RunFeed, select: (state: RunFeedState) => T): T => useStore(feed, select);
