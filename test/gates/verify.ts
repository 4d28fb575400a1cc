import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCluster } from '../../apps/standalone/src/postgres/index.ts';
import { realSystem } from '../../apps/standalone/src/system.ts';
import { ROOT } from './source.ts';

/*
 * `npm run verify`: everything that must be green before a change goes in, one after another, with a summary. All steps run even
 * if one fails. `--without-tests` leaves the suites out; `--junit`-like results of the suites lie in test-results/.
 */

type Step = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly look?: RegExp;
};
type Outcome = { readonly name: string; readonly ok: boolean; readonly seconds: number; readonly note: string };

/** `look` finds the figure that proves that a foreign tool looked at something. */
const STEPS: readonly Step[] = [
  { name: 'build', command: 'npm', args: ['run', '-s', 'build'] },
  { name: 'types', command: 'npx', args: ['turbo', 'run', 'types', '--output-logs=errors-only'], look: /(\d+) total/ },
  {
    name: 'types of test/',
    command: 'npx',
    args: ['tsc', '-p', 'test', '--listFilesOnly'],
    look: /test\/gates\/(verify)\.ts/,
  },
  { name: 'types of test/, checked', command: 'npx', args: ['tsc', '-p', 'test'] },
  { name: 'lint and format', command: 'npx', args: ['biome', 'check', '.'], look: /Checked (\d+) files/ },
  { name: 'gates', command: process.execPath, args: ['--import', 'tsx', 'test/gates/main.ts'], look: /(\d+) files/ },
  { name: 'dead code', command: 'npx', args: ['knip', '--no-progress'] },
  { name: 'drift', command: 'npm', args: ['run', '-s', '-w', '@switchyard/journal', 'drift'], look: /(agree)/ },
];

function runStep(step: Step, environment: NodeJS.ProcessEnv): Promise<Outcome> {
  process.stdout.write(`\n── ${step.name}\n`);
  const began = realSystem.elapsed();
  return new Promise((resolve) => {
    const child = spawn(step.command, [...step.args], {
      cwd: ROOT,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk;
      });
    }
    child.on('error', (error) => {
      output += error.message;
    });
    child.on('close', (code) => {
      const seen = step.look?.exec(output)?.[1];
      const blind = step.look !== undefined && (seen === undefined || seen === '0');
      const ok = code === 0 && !blind;
      if (!ok || step.name === 'gates') process.stdout.write(output);
      const seconds = (realSystem.elapsed() - began) / 1000;
      resolve({
        name: step.name,
        ok,
        seconds,
        note: blind ? 'looked at nothing' : seen === undefined ? '' : `looked: ${seen}`,
      });
    });
  });
}

/** One set of suites, their lines shown as they come; `report` is where its configuration leaves the results. */
function runSuites(name: string, config: string, report: string, environment: NodeJS.ProcessEnv): Outcome {
  process.stdout.write(`\n── ${name}\n`);
  const began = realSystem.elapsed();
  const file = join(ROOT, 'test-results', report);
  rmSync(file, { force: true });
  const { status } = spawnSync('npx', ['vitest', 'run', '--config', config], {
    cwd: ROOT,
    env: { ...environment, CI: '1' },
    stdio: 'inherit',
  });
  const seconds = (realSystem.elapsed() - began) / 1000;
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(file, 'utf8'));
    const note = `${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`;
    return { name, ok: status === 0 && numPassedTests > 0, seconds, note };
  } catch {
    return { name, ok: false, seconds, note: 'no report' };
  }
}

async function verify(): Promise<number> {
  mkdirSync(join(ROOT, 'test-results'), { recursive: true });
  const given = process.env.TEST_DATABASE_URL ?? process.env.DATABASE_URL;
  const directory = mkdtempSync(join(tmpdir(), 'switchyard-verify-'));
  const cluster =
    given === undefined
      ? await startCluster({ directory, system: realSystem, database: 'switchyard', settings: ['fsync=off'] })
      : null;
  const url = given ?? cluster?.url('postgres');
  const environment = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', TEST_DATABASE_URL: url, FORCE_COLOR: '0' };
  const outcomes: Outcome[] = [];
  try {
    for (const step of STEPS) outcomes.push(await runStep(step, environment));
    if (!process.argv.includes('--without-tests')) {
      outcomes.push(runSuites('tests', 'vitest.config.ts', 'vitest.json', environment));
      outcomes.push(runSuites('proofs', 'vitest.proofs.config.ts', 'proofs.json', environment));
    }
  } finally {
    await cluster?.stop();
    rmSync(directory, { recursive: true, force: true });
  }
  process.stdout.write('\n── summary\n');
  for (const { name, ok, seconds, note } of outcomes) {
    process.stdout.write(`${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(24)} ${seconds.toFixed(1).padStart(6)} s  ${note}\n`);
  }
  return outcomes.every(({ ok }) => ok) ? 0 : 1;
}

process.exitCode = await verify();
