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

/** A starter on a database; the clock dates the runs' ids. */
export function starterOn(database: Database, clock: Clock): Starter {
  const request = (order: StartOrder): StartRunRequest =>
    startRequest(order, { projectId: database.catalog.projectId, now: clock.now() });
  return { request, start: (order) => database.journal.startRun(request(order)) };
}
