import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeRandomCheckpoint } from '../scripts/random-weights.ts';
import type { ChatCompletion, WireError } from './api.ts';
import { KEY, type RunningEngine, startEngine } from './engine-under-test.ts';
import type { EngineStats } from './model-protocol.ts';
import { shippedModel } from './models.ts';

describe('a broken or full model', () => {
  let folder = '';
  let broken: RunningEngine;
  beforeAll(async () => {
    folder = join(mkdtempSync(join(tmpdir(), 'weights-')), 'broken');
    // The embedding of token 90 ("Z") is not a number; nothing else is wrong.
    writeRandomCheckpoint({ from: shippedModel(), to: folder, seed: 5, maxPositions: 96, brokenToken: 90 });
    broken = await startEngine(folder);
  }, 60_000);
  afterAll(async () => {
    await broken.close();
    rmSync(folder, { recursive: true });
  });

  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
  const ask = (content: string, change: object = {}): Promise<Response> => {
    const body = { model: 'broken', temperature: 0, messages: [{ role: 'user', content }], ...change };
    return fetch(`${broken.url}/v1/chat/completions`, { method: 'POST', headers, body: JSON.stringify(body) });
  };

  it('logits that are no numbers fail their request only', async () => {
    const [bad, good] = await Promise.all([ask('Z'), ask('fine', { max_tokens: 5 })]);
    expect(bad.status).toBe(500);
    expect(((await bad.json()) as WireError).error.code).toBe('logits_not_finite');
    expect(good.status).toBe(200);
    expect((await ask('still fine', { max_tokens: 5 })).status).toBe(200);
    const stats = (await (await fetch(`${broken.url}/v1/stats`, { headers })).json()) as EngineStats;
    expect(stats.failed).toBe(1);
  });

  it('the same inside a stream: an error before the first event keeps its status', async () => {
    const bad = await ask('Z', { stream: true });
    expect([bad.status, ((await bad.json()) as WireError).error.code]).toEqual([500, 'logits_not_finite']);
  });

  it('a full context ends with length, and the engine goes on', async () => {
    const answers = await Promise.all(
      [1, 2, 3].map(async (seed) => (await (await ask('fine', { temperature: 1, seed })).json()) as ChatCompletion),
    );
    expect(answers.map(({ choices, usage }) => [choices[0].finish_reason, usage.total_tokens])).toEqual(
      answers.map(() => ['length', 96]),
    );
    expect((await ask('fine', { max_tokens: 2 })).status).toBe(200);
  });
});
