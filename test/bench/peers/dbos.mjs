import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { DBOS } from '@dbos-inc/dbos-sdk';

/*
 * DBOS beside us: workflows of n steps on the Postgres named in the first argument. Each line `RUNS STEPS` on stdin is one
 * round; its answer is one JSON line with the milliseconds of the whole and what each workflow counted.
 */

const version = JSON.parse(
  readFileSync(new URL('./node_modules/@dbos-inc/dbos-sdk/package.json', import.meta.url), 'utf8'),
).version;
DBOS.setConfig({ name: 'bench', systemDatabaseUrl: process.argv[2], logLevel: 'error', runAdminServer: false });
const workflow = DBOS.registerWorkflow(
  async (steps) => {
    let done = 0;
    for (let i = 0; i < steps; i++) done = await DBOS.runStep(async () => done + 1, { name: 'step' });
    return done;
  },
  { name: 'chain' },
);
await DBOS.launch();
process.stdout.write(`${JSON.stringify({ version })}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  const [runs, steps] = line.split(' ').map(Number);
  const began = performance.now();
  const handles = await Promise.all(Array.from({ length: runs }, () => DBOS.startWorkflow(workflow)(steps)));
  const done = await Promise.all(handles.map((handle) => handle.getResult()));
  process.stdout.write(`${JSON.stringify({ ms: performance.now() - began, done })}\n`);
}
await DBOS.shutdown();
