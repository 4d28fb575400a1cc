import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/*
 * The ready pipelines are data (apps/server/ready/*.json): no source of agent, runtime, server or engine may know their
 * tasks, or the demonstration would prove nothing.
 */

const ROOT = join(import.meta.dirname, '../..');
const ROOMS = [
  'packages/agent/src',
  'packages/runtime/src',
  'packages/sandbox/src',
  'apps/server/src',
  'apps/worker/src',
  'engine/host',
  'engine/reference',
];
/** Words of the tasks that no room has another use for. */
const WORDS =
  /\b(mph|miles|liters?|invoices?|refund|billing|outage|praise|access code|secret key|serial number|ticket code|next link|step by step|word problem|classify this)\b/i;

const sources = ROOMS.flatMap((room) =>
  readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.test\.ts$|\/?(suite|testing)\//.test(file))
    .map((file) => ({ file: join(room, file), text: readFileSync(join(ROOT, room, file), 'utf8') })),
);

/** Every text of the ready pipelines and pages that is long enough to be theirs alone. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return value.length >= 16 ? [value] : [];
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(textsIn) : [];
}

describe('the tasks of the ready pipelines', () => {
  const folder = join(ROOT, 'apps/server/ready');
  const texts = readdirSync(folder).flatMap((file) => textsIn(JSON.parse(readFileSync(join(folder, file), 'utf8'))));

  it('are looked for in all the rooms that run them', () => {
    expect(sources.length).toBeGreaterThan(100);
    expect(texts.length).toBeGreaterThan(20);
    expect(WORDS.test(texts.join('\n'))).toBe(true);
  });

  it('stand in no source', () => {
    const found = sources.flatMap(({ file, text }) => [
      ...texts.filter((known) => text.includes(known)).map((known) => `${file} holds "${known}"`),
      ...(WORDS.exec(text)?.slice(0, 1) ?? []).map((word) => `${file} says "${word}"`),
    ]);
    expect(found).toEqual([]);
  });
});
