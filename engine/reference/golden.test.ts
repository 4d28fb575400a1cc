import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { forward, loadModel, logitsOf, openSequence } from './forward.ts';

const folder = fileURLToPath(new URL('../models/pocket/', import.meta.url));

/** The files the golden numbers were computed from; another file under the same name would make the test say nothing. */
const HASHES = {
  'model.safetensors': 'd7b584eea6bdc22984e00f75a4280d5069e9274a75a98def4663119900030850',
  'tiktoken.model': '25ea4f9d62fb0f69293c7039ff8f5ab730742a055c1fc5a53990e4380d739977',
  'golden.json': '8130c1bb36d11fe61f9f8d2e208a05701f88f0e0577f91902b0b391ec3ca55e3',
};

const goldenSchema = z.object({
  cases: z.array(
    z.object({
      family: z.string(),
      prompt_ids: z.array(z.number()),
      output_ids: z.array(z.number()),
      logits_first16: z.array(z.number()),
      logits_argmax: z.number(),
      logits_max: z.number(),
    }),
  ),
});
const { cases } = goldenSchema.parse(JSON.parse(readFileSync(`${folder}golden.json`, 'utf8')));
const model = loadModel(folder);

function argmax(logits: Float32Array): number {
  return logits.reduce((best, value, id) => (value > logits[best] ? id : best), 0);
}

it.each(Object.entries(HASHES))('%s is the file the golden numbers belong to', (name, hash) => {
  expect(
    createHash('sha256')
      .update(readFileSync(folder + name))
      .digest('hex'),
  ).toBe(hash);
});

describe('pocket reproduces an independent fp32 program', () => {
  it('has all 20 cases', () => {
    expect(cases).toHaveLength(20);
  });

  it.each(cases.map((one, i) => ({ ...one, name: `${i} ${one.family}` })))(
    'case $name: logits within 1e-3, output token for token',
    (golden) => {
      const sequence = openSequence(model);
      let logits = logitsOf(model, forward(model, sequence, golden.prompt_ids));
      expect(Math.max(...golden.logits_first16.map((value, i) => Math.abs(value - logits[i])))).toBeLessThanOrEqual(
        1e-3,
      );
      expect(argmax(logits)).toBe(golden.logits_argmax);
      expect(Math.abs(logits[golden.logits_argmax] - golden.logits_max)).toBeLessThanOrEqual(1e-3);
      const output: number[] = [];
      while (output.length < golden.output_ids.length) {
        const id = argmax(logits);
        output.push(id);
        if (output.length < golden.output_ids.length) logits = logitsOf(model, forward(model, sequence, [id]));
      }
      expect(output).toEqual(golden.output_ids);
    },
  );
});

describe('a result does not depend on how it was computed', () => {
  const prompt = cases[1].prompt_ids;
  const whole = openSequence(model);
  const expected = logitsOf(model, forward(model, whole, prompt));

  it.each([1, 3, 63, 64, 65, 129])('chunks of %i give the same bits as one call', (size) => {
    const sequence = openSequence(model);
    let hidden = new Float32Array();
    for (let at = 0; at < prompt.length; at += size)
      hidden = new Float32Array(forward(model, sequence, prompt.slice(at, at + size)));
    expect(logitsOf(model, hidden)).toEqual(expected);
  });

  it.each([1, 17, 64, 128, prompt.length - 1])('a cached prefix of %i tokens gives the same bits', (cached) => {
    const sequence = openSequence(model);
    sequence.copyFrom(whole, cached);
    expect(logitsOf(model, forward(model, sequence, prompt.slice(cached)))).toEqual(expected);
  });

  it.each([0, 40])('naive and absorbed attention agree after %i cached tokens', (cached) => {
    const sequence = openSequence(model);
    if (cached > 0) forward(model, sequence, prompt.slice(0, cached), 'naive');
    const naive = logitsOf(model, forward(model, sequence, prompt.slice(cached), 'naive'));
    const worst = naive.reduce((max, value, id) => Math.max(max, Math.abs(value - expected[id])), 0);
    expect(worst).toBeLessThan(1e-4);
    expect(worst).toBeGreaterThan(0); // two computations, not one
  });
});
