import { type ChildProcess, fork } from 'node:child_process';
import type { Job, Outcome } from './jobs.ts';

/** Children at a time: as many as the smallest machine has cores. */
const CHILDREN = 2;
/** A child that says nothing for so long hangs in a loop: no time passes in a simulation, so none is needed. */
const PATIENCE_MS = 120_000;

type Said = { readonly outcome: Outcome } | { readonly error: string };

function perform(child: ChildProcess, job: Job): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const name = JSON.stringify(job);
    const silence = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    const gone = (): void => reject(new Error(`the child ended in ${name}`));
    child.once('exit', gone);
    child.once('message', (said: Said) => {
      clearTimeout(silence);
      child.off('exit', gone);
      if ('outcome' in said) resolve(said.outcome);
      else reject(new Error(`${name}: ${said.error}`));
    });
    child.send(job);
  });
}

/** Does all jobs in children of this bundle, in the order of the jobs. Stops early when `enough` says so. */
export async function performAll(
  bundle: string,
  jobs: readonly Job[],
  enough: (outcome: Outcome) => boolean = () => false,
): Promise<readonly Outcome[]> {
  const left = [...jobs];
  const outcomes: Outcome[] = [];
  const work = async (): Promise<void> => {
    const child = fork(bundle, { execArgv: ['--enable-source-maps'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    try {
      for (let job = left.shift(); job !== undefined; job = left.shift()) {
        const outcome = await perform(child, job);
        outcomes.push(outcome);
        if (enough(outcome)) left.length = 0;
      }
    } finally {
      if (child.connected) child.disconnect();
    }
  };
  await Promise.all(Array.from({ length: CHILDREN }, work));
  return outcomes;
}
