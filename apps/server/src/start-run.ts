import {
  type Database,
  graphOf,
  type StartOrder,
  type StartRunAnswer,
  type StartRunRequest,
  startRequest,
} from '@switchyard/journal';
import type { Clock } from './system.ts';

export { graphOf, type StartOrder };

/** Starts runs; a start is answered when it stands in the journal. */
export interface Starter {
  start(order: StartOrder): Promise<StartRunAnswer>;
  /** The request alone, for a schedule's firing, which is one transaction with it. */
  request(order: StartOrder): StartRunRequest;
}

/** A starter on a database; the clock dates the runs' ids. On the fast path pure steps ride in the transaction of the start. */
export function starterOn(database: Database, clock: Clock, fastPath: boolean): Starter {
  const request = (order: StartOrder): StartRunRequest =>
    startRequest(order, { projectId: database.catalog.projectId, now: clock.now(), fastPath });
  return { request, start: (order) => database.journal.startRun(request(order)) };
}
