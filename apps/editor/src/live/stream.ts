import type { JournalEvent } from '@switchyard/pipeline';
import type { RunSummary } from '../api/resources.ts';
import { every, later } from '../system.ts';
import { streamUrl, type Topic } from './cursor.ts';
import { takeSlot } from './stream-slot.ts';

/*
 * ONE EventSource per tab, whatever is on screen, and few per browser (see stream-slot.ts): a tab without a place for one
 * asks every few seconds. A hidden tab lets its stream and its place go after a while and catches up when it is seen again.
 */

/** Follows one run: batches as they come, and `resumed` when something may have been missed. */
export type RunFollower = {
  readonly runId: string;
  readonly after: () => number;
  readonly events: (batch: readonly JournalEvent[]) => void;
  readonly resumed: () => void;
};

/** Follows the list of runs. */
export type RunsFollower = { readonly changed: (rows: readonly RunSummary[]) => void; readonly resumed: () => void };

const HIDDEN_MS = 15_000;
const RETRY_MS = 2_000;
/** How often a tab without a stream asks. */
const ASK_MS = 2_000;

const runFollowers = new Set<RunFollower>();
const runsFollowers = new Set<RunsFollower>();
let source: EventSource | null = null;
/** `giveBack` ends holding or waiting for a place; while it is waited for, `stopAsking` is set. */
let place: { readonly giveBack: () => void; readonly held: boolean } | null = null;
let stopAsking: (() => void) | null = null;
let cancelOpening: (() => void) | null = null;
let cancelHiding: (() => void) | null = null;

const topics = (): readonly Topic[] => [
  ...[...runFollowers].map((follower): Topic => ({ kind: 'run', runId: follower.runId, after: follower.after() })),
  ...(runsFollowers.size > 0 ? [{ kind: 'runs' } as const] : []),
];

function resumeAll(): void {
  for (const follower of runFollowers) follower.resumed();
  for (const follower of runsFollowers) follower.resumed();
}

function close(): void {
  source?.close();
  source = null;
}

/** Nothing to follow, or nobody looks: the place is another tab's. */
function leave(): void {
  close();
  stopAsking?.();
  stopAsking = null;
  place?.giveBack();
  place = null;
}

/** Waits for a place for a stream, and asks meanwhile. */
function waitForPlace(): void {
  let held = false;
  const giveBack = takeSlot(() => {
    held = true;
    stopAsking?.();
    stopAsking = null;
    if (place !== null) place = { giveBack: place.giveBack, held };
    reopen();
  });
  place = { giveBack, held };
  if (!held) stopAsking = every(resumeAll, ASK_MS);
}

/** Opens the stream anew for the present topics, soon: several changes in one moment are one reconnect. */
function reopen(ms = 0): void {
  cancelOpening?.();
  cancelOpening = later(open, ms);
}

function open(): void {
  close();
  const wanted = topics();
  if (wanted.length === 0 || document.visibilityState === 'hidden') return leave();
  if (place === null) waitForPlace();
  if (place?.held !== true) return;
  const opened = new EventSource(streamUrl(wanted));
  let first = true;
  source = opened;
  opened.onopen = () => {
    if (!first) resumeAll();
    first = false;
  };
  opened.onerror = () => {
    // The browser reconnects by itself unless the server refused; then we do, with the cursors of now.
    if (opened.readyState !== EventSource.CLOSED || opened !== source) return;
    reopen(RETRY_MS);
    later(resumeAll, RETRY_MS);
  };
  opened.addEventListener('run', (message) => {
    const { runId, events } = JSON.parse(message.data) as { runId: string; events: JournalEvent[] };
    for (const follower of runFollowers) if (follower.runId === runId) follower.events(events);
  });
  opened.addEventListener('runs', (message) => {
    const parsed = JSON.parse(message.data) as RunSummary[] | { runs: RunSummary[] };
    for (const follower of runsFollowers) follower.changed(Array.isArray(parsed) ? parsed : parsed.runs);
  });
}

document.addEventListener('visibilitychange', () => {
  cancelHiding?.();
  cancelHiding = null;
  if (document.visibilityState === 'hidden') {
    cancelHiding = later(leave, HIDDEN_MS);
    return;
  }
  resumeAll();
  if (source === null) reopen();
});

/** Follows a run from `after()` on until the answer is called. */
export function followRun(follower: RunFollower): () => void {
  runFollowers.add(follower);
  reopen();
  return () => {
    runFollowers.delete(follower);
    reopen();
  };
}

/** Follows the list of runs until the answer is called. */
export function followRuns(follower: RunsFollower): () => void {
  runsFollowers.add(follower);
  reopen();
  return () => {
    runsFollowers.delete(follower);
    reopen();
  };
}
