import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { armCrashPoint, CRASH_POINTS } from './crash-point.ts';

const RUN = '01a210f3-ac8a-735d-89cd-e7006e1c26e2';
const OTHER = '01a210f3-ac8a-735d-89cd-e7006e1c26e3';
const FILE = fileURLToPath(new URL('./crash-point.ts', import.meta.url));

/** Runs a child that is armed with `spec` and passes these places; answers how it ended. */
function child(spec: string, passes: string) {
  const script = `import { armCrashPoint, crashPoint } from ${JSON.stringify(FILE)}; armCrashPoint(${JSON.stringify(spec)}); ${passes} console.log('alive');`;
  const { signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', script],
    { encoding: 'utf8' },
  );
  return { signal, alive: stdout.includes('alive'), said: stderr.trim() };
}

describe('crash points', () => {
  it('kill at the k-th hit of that kind in that run, and say where', () => {
    const passes = `
      crashPoint('append.after', { runId: '${OTHER}', kinds: ['tool.started'], seq: 3 });
      crashPoint('append.after', { runId: '${RUN}', kinds: ['note'], seq: 4 });
      crashPoint('append.before', { runId: '${RUN}', kinds: ['tool.started'], seq: 4 });
      for (const seq of [5, 6]) crashPoint('append.after', { runId: '${RUN}', kinds: ['note', 'tool.started'], seq });`;
    const { signal, alive, said } = child(`append.after:tool.started#2@${RUN}`, passes);
    expect([signal, alive]).toEqual(['SIGKILL', false]);
    expect(JSON.parse(said)).toEqual({
      crash: 'append.after',
      hit: 2,
      runId: RUN,
      seq: 6,
      kinds: ['note', 'tool.started'],
    });
  });

  it('kill the process that is named instead, once', async () => {
    const victim = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const gone = once(victim, 'exit');
    const passes = `for (const seq of [1, 2]) crashPoint('append.after', { runId: '${RUN}', seq });`;
    const { signal, alive, said } = child(`append.after!${victim.pid}`, passes);
    expect([signal, alive, said.split('\n').length]).toEqual([null, true, 1]);
    expect((await gone)[1]).toBe('SIGKILL');
  });

  it('do nothing elsewhere', () => {
    expect(child('claim.after', `crashPoint('claim.before', { runId: '${RUN}' });`)).toEqual({
      signal: null,
      alive: true,
      said: '',
    });
  });

  it('refuse a spec that names none', () => {
    expect(() => armCrashPoint('append.afterr')).toThrow(/no crash point/);
    expect(() => armCrashPoint('append.after#x')).toThrow(/no crash point/);
    for (const name of CRASH_POINTS) armCrashPoint(name);
    armCrashPoint(null);
  });
});
