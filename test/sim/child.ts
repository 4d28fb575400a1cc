import { countPoints, tryPoints } from './crash-points.ts';
import type { Job, Outcome } from './jobs.ts';
import { simulate } from './simulate.ts';

/* A child process of the simulator: takes jobs one by one, answers each. */

async function perform(job: Job): Promise<Outcome> {
  if (job.kind === 'count') return { seed: 0, counts: { writes: await countPoints() }, fired: {}, violations: [] };
  if (job.kind === 'points') {
    const { points, repeated, fired, violations } = await tryPoints(job.from, job.to);
    return { seed: job.from, counts: { points, repeated }, fired, violations };
  }
  const { seed, runs, events, fired, ends, violations } = await simulate(job.seed, job.runs, undefined, job.cancels);
  return { seed, counts: { runs, events, ...ends }, fired, violations };
}

// a planted defect may leave a promise alone; what it does to the journal is what counts
process.on('unhandledRejection', () => {});

process.on('message', (job: Job) => {
  perform(job).then(
    (outcome) => process.send?.({ outcome }),
    (error: unknown) =>
      process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
