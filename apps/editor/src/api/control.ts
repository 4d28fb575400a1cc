import type { StoredValue } from '@switchyard/pipeline';
import { request } from './request.ts';

/* What people do to runs that are there: pausing, resuming, doing again, answering a step that waits. */

/** A step that waits for an answer or a time. `link`: where somebody outside answers it. */
export type Wait = {
  readonly runId: string;
  readonly stepKey: string;
  readonly reason: 'time' | 'webhook' | 'approval' | 'child' | 'decision' | 'paused';
  readonly until: string | null;
  readonly child: string | null;
  readonly subject: StoredValue | null;
  readonly instructions: string | null;
  /** Calls whose outcome is unknown, with reason `decision`. */
  readonly calls: readonly string[];
  readonly link: string | null;
};

/** Which drawing a retry uses. */
export type RetryRevision = 'same' | 'published' | 'draft';

/** Steps of a run that wait now. */
export const waitsOf = async (runId: string): Promise<readonly Wait[]> =>
  (await request<{ readonly waiting: readonly Wait[] }>(`/api/runs/${runId}`)).waiting;

/** Nothing new begins until it is resumed. */
export const pauseRun = (runId: string): Promise<unknown> =>
  request(`/api/runs/${runId}/pause`, { method: 'POST', body: {} });

/** Lets a paused run go on. */
export const resumeRun = (runId: string): Promise<unknown> =>
  request(`/api/runs/${runId}/resume`, { method: 'POST', body: {} });

/** Starts a new run that copies what ended well and does the rest. */
export const retryRun = (
  runId: string,
  body: { readonly from: readonly string[] | 'failed'; readonly revision: RetryRevision },
): Promise<{ readonly runId: string }> => request(`/api/runs/${runId}/retry`, { method: 'POST', body });

const ofStep = ({ runId, stepKey }: Pick<Wait, 'runId' | 'stepKey'>): string =>
  `/api/runs/${runId}/steps/${encodeURIComponent(stepKey)}`;

/** Decides an approval, once. Throws `not_waiting` (409). */
export const decideApproval = (
  wait: Wait,
  body: { readonly approved: boolean; readonly comment?: string },
): Promise<unknown> => request(`${ofStep(wait)}/approval`, { method: 'POST', body });

/** Decides about a call whose outcome is unknown. */
export const decideCall = (
  wait: Wait,
  body: { readonly call: string; readonly decision: 'repeat' | 'use' | 'fail' },
): Promise<unknown> => request(`${ofStep(wait)}/decision`, { method: 'POST', body });
