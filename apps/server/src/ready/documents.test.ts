import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { useJournal } from '../../../../test/harness/journal.ts';
import { type ProductDocument, sectionsOf, seedDocuments } from './documents.ts';

const folder = mkdtempSync(join(tmpdir(), 'switchyard-docs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
PLACEHOLDER
