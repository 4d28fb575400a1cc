import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Product, startProduct } from '../harness/product.ts';

const QUESTION =
  'Solve this step by step: A train leaves Station A at 60 mph. Another leaves Station B at 80 mph. They are 280 miles apart. When do they meet?';

/** What every client must see: a thought and a text that came in pieces. */
type Streamed = { readonly thought: string; readonly text: string; readonly chunks: number };
const expectStreamed = (streamed: Streamed): void => {
  expect(streamed.thought.length).toBeGreaterThan(0);
  expect(streamed.text.length).toBeGreaterThan(0);
  expect(streamed.chunks).toBeGreaterThan(5);
  expect(streamed.thought + streamed.text).not.toMatch(/<\|?\/?(think|im_|tool)/);
};

describe('the openai packages, with only base_url and api_key changed', () => {
  let product: Product;
  let key: string;
  beforeAll(async () => {
    product = await startProduct();
    ({ key } = await product.api<{ key: string }>('GET', '/api/session'));
  }, 120_000);
  afterAll(() => product?.stop());

  it('npm: streams thought and text', async () => {
    const client = new OpenAI({ baseURL: `${product.url}/v1`, apiKey: key });
    const stream = await client.chat.completions.create({
      model: 'pocket',
      messages: [
        { role: 'system', content: 'You are Kimi, an AI assistant created by Moonshot AI.' },
        { role: 'user', content: QUESTION },
      ],
      temperature: 1,
      max_tokens: 4096,
      stream: true,
    });
    const streamed = { thought: '', text: '', chunks: 0 };
    for await (const chunk of stream) {
      const delta = chunk.choices[0]?.delta as { content?: string | null; reasoning_content?: string } | undefined;
      streamed.thought += delta?.reasoning_content ?? '';
      streamed.text += delta?.content ?? '';
      streamed.chunks += 1;
    }
    expectStreamed(streamed);
  }, 120_000);

  it('npm: a wrong key is refused in the words of the protocol', async () => {
    const client = new OpenAI({ baseURL: `${product.url}/v1`, apiKey: 'sk-wrong', maxRetries: 0 });
    await expect(client.models.list()).rejects.toMatchObject({ status: 401 });
  });

  const python = spawnSync('python3', ['-c', 'import openai']).status === 0;
  it.skipIf(!python)(
    'python (skipped where the openai package is not installed): streams thought and text',
    async () => {
      const script = join(import.meta.dirname, 'openai-client.py');
      const { stdout } = await promisify(execFile)('python3', [script, `${product.url}/v1`, key], { timeout: 110_000 });
      expectStreamed(JSON.parse(stdout));
    },
    120_000,
  );
});
