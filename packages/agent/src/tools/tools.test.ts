import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Page } from '../http.ts';
import { testClock } from '../scripted/ports.ts';
import { httpFetchTool } from './http-fetch.ts';
import { runCodeTool } from './run-code.ts';
import { searchTool } from './search.ts';

const context = { signal: new AbortController().signal, idempotencyKey: 'key' };
const page = (more: Partial<Page>): Page => ({
  status: 200,
  url: 'http://site.example/a/',
  contentType: 'text/plain',
  text: '',
  ...more,
});
const fetchTool = (answer: (n: number) => Page) => {
  let n = 0;
  const clock = testClock();
  const tool = httpFetchTool({ clock, page: async () => answer(++n) });
  return { call: () => tool.call({ url: 'http://site.example/a/' }, context), asked: () => n, clock };
};

test('declarations are those the shipped model was trained with, byte for byte', () => {
  const tools = [
    httpFetchTool({ page: async () => page({}), clock: testClock() }),
    runCodeTool({ code: async () => '' }),
    searchTool({ documents: async () => [] }),
  ];
  const file = readFileSync(new URL('../../../../engine/models/pocket/tools.json', import.meta.url), 'utf8');
  const trained: unknown[] = JSON.parse(file);
  expect(tools.map((tool) => JSON.stringify({ type: 'function', function: tool.declaration }))).toEqual(
    trained.map((one) => JSON.stringify(one)),
  );
});

test('no source of this package holds words of the ready pipelines', () => {
  const root = new URL('../', import.meta.url);
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  );
  expect(sources.length).toBeGreaterThan(10);
  const words =
    /access code|password|secret key|serial number|ticket code|follow the next|next page|continue at|solve this|classify|billing|outage|praise|triage|train leaves|mph|liters|\/demo/i;
  for (const name of sources) expect(words.exec(readFileSync(new URL(name, root), 'utf8'))?.[0], name).toBeUndefined();
});

describe('http_fetch', () => {
  test('gives plain text as it is', async () => {
    expect(await fetchTool(() => page({ text: 'One line.\nAnother: http://x.example/1\n' })).call()).toBe(
      'One line.\nAnother: http://x.example/1',
    );
  });

  test('gives the readable text of HTML', async () => {
    const text =
      '<html><head><title>T</title><style>p{}</style><script>alert(1)</script></head><body><h1>Head</h1><p>Go to <a href="http://x.example/1">http://x.example/1</a></p><p>Read <a href="b?c=1&amp;d">more</a> &amp; rest</p></body></html>';
    expect(await fetchTool(() => page({ contentType: 'text/html; charset=utf-8', text })).call()).toBe(
      'Head\n\nGo to http://x.example/1\n\nRead more [http://site.example/a/b?c=1&d] & rest',
    );
  });

  test('a page that is not there is one line, asked for once', async () => {
    const tool = fetchTool(() => page({ status: 404, text: 'nope' }));
    expect(await tool.call()).toBe('error: the page answered with status 404');
    expect(tool.asked()).toBe(1);
  });

  test('a server that is away for ten seconds is waited for', async () => {
    const tool = fetchTool((): Page => {
      if (tool.clock.elapsed() < 5_000) throw Object.assign(new Error('cannot be reached'), { retryable: true });
      return tool.clock.elapsed() < 10_000 ? page({ status: 503 }) : page({ text: 'back' });
    });
    expect(await tool.call()).toBe('back');
  });

  test('one that stays away is an error, one that is forbidden at once', async () => {
    const away = fetchTool((): Page => {
      throw Object.assign(new Error('cannot be reached'), { retryable: true });
    });
    await expect(away.call()).rejects.toThrow('cannot be reached');
    expect(away.clock.elapsed()).toBeGreaterThan(10_000);
    const forbidden = fetchTool((): Page => {
      throw Object.assign(new Error('not allowed'), { retryable: false });
    });
    await expect(forbidden.call()).rejects.toThrow('not allowed');
    expect(forbidden.asked()).toBe(1);
  });
});

test('search gives one numbered line a match', async () => {
  const found = [
    { title: 'Cedar', address: 'http://a.example/cedar' },
    { title: 'Birch', address: 'http://a.example/birch' },
  ];
  expect(await searchTool({ documents: async () => found }).call({ query: 'trees' }, context)).toBe(
    '1. Cedar - http://a.example/cedar\n2. Birch - http://a.example/birch',
  );
  expect(await searchTool({ documents: async () => [] }).call({ query: 'trees' }, context)).toBe(
    'No document matches.',
  );
});
