import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Catalog } from '@switchyard/journal';

/** A document that the search tool finds: one section of a page of the documentation. */
export type ProductDocument = {
  /** `guides/webhooks#answers`: names the section, so that a later text replaces an earlier one. */
  readonly slug: string;
  readonly title: string;
  /** `docs/guides/webhooks.md#answers`: where a person reads it, from the root of the repository. */
  readonly address: string;
  readonly text: string;
};

/** Pages beside the guides, under `docs`. */
const PAGES = ['architecture.md', 'glossary.md'];
const GUIDES = 'guides';

/**
 * Gives the search tool the documentation of this build. Sections that a later build no longer has stay until somebody
 * removes them. Safe to repeat, and on several servers at once.
 */
export async function seedDocuments(documents: Catalog['documents'], folder = docsFolder()): Promise<void> {
  for (const page of await readPages(folder)) {
    // one page at a time: a start has other use for the connections
    await Promise.all(sectionsOf(page.path, page.markdown).map((section) => documents.upsert(section)));
  }
}

/** `docs` of the repository: two folders above that of this app's package.json, from source and from the bundle alike. */
function docsFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return join(folder, '..', '..', 'docs');
}

type Page = { readonly path: string; readonly markdown: string };

/** The pages there are; an installation without documentation has none. */
async function readPages(folder: string): Promise<readonly Page[]> {
  const guides = await unlessMissing(readdir(join(folder, GUIDES)), []);
  const paths = [...PAGES, ...guides.filter((name) => name.endsWith('.md')).map((name) => `${GUIDES}/${name}`)];
  const pages = await Promise.all(
    paths
      .sort()
      .map(async (path) => ({ path, markdown: await unlessMissing(readFile(join(folder, path), 'utf8'), '') })),
  );
  return pages.filter(({ markdown }) => markdown !== '');
}

async function unlessMissing<T>(reading: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return otherwise;
    throw error;
  }
}

type Section = { readonly heading: string; readonly lines: string[] };

/**
 * Cuts a page into its sections: what follows a heading of level 1 to 3, up to the next. Headings without text of their
 * own are left out. `path` counts from `docs`; anchors are those that GitHub gives.
 */
export function sectionsOf(path: string, markdown: string): readonly ProductDocument[] {
  const sections = cut(markdown);
  const page = sections[0]?.heading ?? path;
  const used = new Map<string, number>();
  return sections.flatMap(({ heading, lines }) => {
    const anchor = nextAnchor(heading, used);
    const text = lines.join('\n').trim();
    if (text === '') return [];
    return [
      {
        slug: `${path.replace(/\.md$/, '')}#${anchor}`,
        title: heading === page ? page : `${page}: ${heading}`,
        address: `docs/${path}#${anchor}`,
        text,
      },
    ];
  });
}

/** Sections in order. A `#` inside a code fence is no heading; text above the first heading belongs to none. */
function cut(markdown: string): readonly Section[] {
  const sections: Section[] = [];
  let fence: string | null = null;
  for (const line of markdown.split(/\r?\n/)) {
    const mark = /^\s*(```|~~~)/.exec(line)?.[1];
    if (mark !== undefined) fence = fence === null ? mark : fence === mark ? null : fence;
    const heading = fence === null ? /^#{1,3}\s+(.+?)\s*#*$/.exec(line)?.[1] : undefined;
    if (heading !== undefined) sections.push({ heading: plain(heading), lines: [] });
    else sections.at(-1)?.lines.push(line);
  }
  return sections;
}

/** A heading without the marks of Markdown. */
const plain = (heading: string): string => heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '');

/** The heading in lower case, letters, digits, `_` and `-` alone; the second of a page gets `-1`, and so on. */
function nextAnchor(heading: string, used: Map<string, number>): string {
  const plainAnchor = heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_\- ]/gu, '')
    .replaceAll(' ', '-');
  const before = used.get(plainAnchor) ?? 0;
  used.set(plainAnchor, before + 1);
  return before === 0 ? plainAnchor : `${plainAnchor}-${before}`;
}
