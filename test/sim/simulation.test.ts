import { dirname, join } from 'node:path/posix';
import { fileURLToPath } from 'node:url';
import { BUGGIFY_POINTS } from '@switchyard/journal';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSources } from '../gates/source.ts';
import { runSuite, type SuiteReport } from './suite.ts';

/** `npm run test:sim` plays 2,000; here so many as a commit can wait for. */
const RUNS = 200;
const LIMIT_MS = 1_500_000;

describe('the simulator', () => {
  let report: SuiteReport;

  beforeAll(async () => {
    report = await runSuite({ runs: RUNS, seedsFile: fileURLToPath(new URL('seeds.json', import.meta.url)) });
    process.stdout.write(`${JSON.stringify(report)}\n`);
  }, LIMIT_MS);

  it('finds no violation in runs of 300 steps under faults, nor at any crash point', () => {
    expect(report.violations).toEqual([]);
  });

  it('looked at fifteen hundred events a run', () => {
    expect(report.runs).toBeGreaterThanOrEqual(RUNS);
    expect(report.events).toBeGreaterThanOrEqual(RUNS * 1_500);
  });

  it('crashed before, after and in doubt about every write of the reference run', () => {
    expect(report.points).toBeGreaterThanOrEqual(5_400);
    expect(report.fired['commit unknown, given up']).toBeGreaterThan(0);
    // effects that may be repeated were: else no crash came between an effect and its record
    expect(report.pointsWithRepeatedEffect).toBeGreaterThan(0);
  });

  it.each([
    ...[
      'crash',
      'short pause',
      'long pause',
      'store away',
      'store restarted',
      'slow store',
      'cancel',
      'pause',
      'resume',
    ],
    ...[
      'lost job',
      'doubled job',
      'delayed job',
      'commit unknown, applied',
      'commit unknown, not applied',
      'late statement',
      'lost bell',
      ...BUGGIFY_POINTS.map((name) => `buggify ${name}`),
    ],
    ...['slow turn', 'torn turn', 'empty turn', 'slow effect', 'two answers'],
  ])('had the fault: %s', (name) => {
    expect(report.fired[name]).toBeGreaterThan(0);
  });
});

describe('the simulator drives the real code', () => {
  const sources = new Map(readSources().map((source) => [source.path, source]));
  const fileOf = (from: string, specifier: string): string | null => {
    const room = /^@switchyard\/([a-z]+)$/.exec(specifier)?.[1];
    if (room !== undefined) return `packages/${room}/src/index.ts`;
    return specifier.startsWith('.') ? join(dirname(from), specifier) : null;
  };
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const { specifier, typeOnly } of sources.get(path)?.imports ?? []) {
      const next = typeOnly ? null : fileOf(path, specifier);
      if (next !== null && sources.has(next)) visit(next);
    }
  };
  visit('test/sim/child.ts');

  it.each([
    ...[
      'worker',
      'execute-step',
      'settle-step',
      'advance-run',
      'run-cache',
      'step-writer',
      'held-steps',
      'run-node',
    ].map((name) => `packages/runtime/src/${name}.ts`),
    ...['fold', 'plan', 'graph'].map((name) => `packages/pipeline/src/${name}.ts`),
    ...['journal', 'worker-session', 'send', 'encode', 'control'].map((name) => `packages/journal/src/${name}.ts`),
    'packages/agent/src/loop.ts',
  ])('imports %s', (path) => {
    expect(reached).toContain(path);
  });

  it('has no planner, fold or executor of its own', () => {
    const own = [...sources.keys()].filter((path) => path.startsWith('test/sim/'));
    const copies = own.filter((path) =>
      /function (foldRun|foldNew|plan|planAppend|executeStep|settleStep|startWorker)\b/.test(
        sources.get(path)?.text ?? '',
      ),
    );
    expect(own.length).toBeGreaterThan(10);
    expect(copies).toEqual([]);
  });
});
