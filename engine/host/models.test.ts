import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { forward, loadModel, logitsOf, openSequence } from '../reference/forward.ts';
import { writeRandomCheckpoint } from '../scripts/random-weights.ts';
import { FAMILY_SYSTEM, readModelCard, shippedModel } from './models.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'model-'));
  for (const name of [
    'config.json',
    'generation_config.json',
    'tokenizer_config.json',
    'tiktoken.model',
    'chat_template.jinja',
  ])
    cpSync(join(shippedModel(), name), join(folder, name));
});
afterEach(() => rmSync(folder, { recursive: true }));

const prompt = (path: string): string => {
  const { render } = readModelCard(path);
  return render({ messages: [{ role: 'user', label: null, content: 'Hi' }], tools: [] })
    .map(({ text }) => text)
    .join('');
};

function edit(name: string, change: (text: string) => string): void {
  writeFileSync(join(folder, name), change(readFileSync(join(folder, name), 'utf8')));
}

describe('model card', () => {
  it('the shipped model is rendered by the built-in template, without a default system message', () => {
    const card = readModelCard(shippedModel());
    expect([card.id, card.template, card.contextWindow]).toEqual(['pocket', 'built-in', 2048]);
    expect(prompt(shippedModel())).toBe(
      '<|im_user|>user<|im_middle|>Hi<|im_end|><|im_assistant|>assistant<|im_middle|>',
    );
  });

  it('stops on every end the files and the family know', () => {
    edit('generation_config.json', () => JSON.stringify({ eos_token_id: [2018, 77] }));
    expect([...readModelCard(folder).stops].sort()).toEqual([2017, 2018, 2023, 77]);
  });

  it('without a template file the family default holds, system message included', () => {
    rmSync(join(folder, 'chat_template.jinja'));
    expect(readModelCard(folder).template).toBe('built-in');
    expect(prompt(folder)).toContain(FAMILY_SYSTEM);
  });

  it('a template that says something else is rendered as it is', () => {
    edit('chat_template.jinja', (text) =>
      text.replace('{%- if tools -%}', '<|im_system|>system<|im_middle|>Be kind.<|im_end|>{%- if tools -%}'),
    );
    expect([readModelCard(folder).id, readModelCard(folder).template]).toEqual([basename(folder), 'jinja']);
    expect(prompt(folder)).toMatch(/^<\|im_system\|>system<\|im_middle\|>Be kind\./);
  });

  it('refuses a tokenizer larger than the model', () => {
    edit('config.json', (text) => text.replace('"vocab_size": 2048', '"vocab_size": 2000'));
    expect(() => readModelCard(folder)).toThrow(/vocab_size 2000/);
  });
});

describe('random weights', () => {
  it('have the same shapes, run, repeat by seed and know nothing', () => {
    const [one, again, other] = ['one', 'again', 'other'].map((name) => join(folder, name));
    writeRandomCheckpoint({ from: shippedModel(), to: one, seed: 1 });
    writeRandomCheckpoint({ from: shippedModel(), to: again, seed: 1 });
    writeRandomCheckpoint({ from: shippedModel(), to: other, seed: 2 });
    const bytes = (path: string): Buffer => readFileSync(join(path, 'model.safetensors'));
    expect(bytes(one).equals(bytes(again))).toBe(true);
    expect(bytes(one).equals(bytes(other))).toBe(false);
    const shipped = loadModel(shippedModel());
    const model = loadModel(one);
    expect(model.weights.head.data).toHaveLength(shipped.weights.head.data.length);
    const logits = logitsOf(model, forward(model, openSequence(model), [1, 2, 3, 4]));
    expect(logits.every(Number.isFinite)).toBe(true);
    expect(Math.max(...logits)).toBeLessThan(20); // the golden prompts of the trained model reach 28 to 32
  });
});
