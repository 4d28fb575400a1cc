import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type JournalBench, openJournalBench } from '../../../../test/harness/journal.ts';
import { sectionsOf, seedDocuments } from './documents.ts';

const PAGE = [
  'A line above every heading.',
  '# Bees',
  '',
  'They make honey.',
  '',
  '## The `queen`, and *her* hive',
  '',
  '```sh',
  '# not a heading',
  '```',
  '',
  '## Swarms',
  '### See [the map](map.md)',
  'Follow it.',
  '#### Small print',
  'stays with the map.',
  '## Swarms',
  'Again.',
].join('\n');

describe('the sections of a page', () => {
  const sections = sectionsOf('guides/bees.md', PAGE);

  test('are named as GitHub names them, without empty ones', () => {
    expect(sections.map(({ slug, address, title }) => [slug, address, title])).toEqual([
      ['guides/bees#bees', 'docs/guides/bees.md#bees', 'Bees'],
      [
        'guides/bees#the-queen-and-her-hive',
        'docs/guides/bees.md#the-queen-and-her-hive',
        'Bees: The queen, and her hive',
      ],
      ['guides/bees#see-the-map', 'docs/guides/bees.md#see-the-map', 'Bees: See the map'],
      ['guides/bees#swarms-1', 'docs/guides/bees.md#swarms-1', 'Bees: Swarms'],
    ]);
  });

  test('hold their own text, code and small headings included', () => {
    expect(sections.map(({ text }) => text)).toEqual([
      'They make honey.',
      '```sh\n# not a heading\n```',
      'Follow it.\n#### Small print\nstays with the map.',
      'Again.',
    ]);
  });

  test('a page without headings has none', () => {
    expect(sectionsOf('empty.md', 'words')).toEqual([]);
  });
});

describe('the documents of a project', () => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-docs-'));
  let bench: JournalBench;
  beforeAll(async () => {
    bench = await openJournalBench();
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await bench.close();
  });
  const found = async (words: string) =>
    (await bench.database.catalog.documents.search(words, 5)).map(({ address }) => address);

  test('are none where there is no documentation', async () => {
    await seedDocuments(bench.database.catalog.documents, join(folder, 'nowhere'));
    expect(await found('honey OR webhook')).toEqual([]);
  });

  test('are the pages of a folder, and their latest text', async () => {
    mkdirSync(join(folder, 'guides'));
    writeFileSync(join(folder, 'guides', 'bees.md'), PAGE);
    writeFileSync(join(folder, 'guides', 'notes.txt'), '# Bees\nhoney');
    writeFileSync(join(folder, 'glossary.md'), '# Words\nA drone makes no honey.');
    await seedDocuments(bench.database.catalog.documents, folder);
    expect((await found('honey')).sort()).toEqual(['docs/glossary.md#words', 'docs/guides/bees.md#bees']);
    writeFileSync(join(folder, 'glossary.md'), '# Words\nA drone is idle.');
    await seedDocuments(bench.database.catalog.documents, folder);
    expect(await found('honey')).toEqual(['docs/guides/bees.md#bees']);
    expect(await found('idle')).toEqual(['docs/glossary.md#words']);
  });

  test('are those of this repository without being told where', async () => {
    await seedDocuments(bench.database.catalog.documents);
    expect(await found('Postgres is the truth, the queue is a doorbell')).toContain(
      'docs/architecture.md#architecture',
    );
    expect(await found('Idempotency-Key webhook repeated')).toContain('docs/guides/webhooks.md#sending-twice');
  });
});
