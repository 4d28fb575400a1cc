import { convert } from 'html-to-text';
import type { Clock, Tool } from '../contract.ts';
import type { Page, PagePort } from '../http.ts';

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 4_000;
const PATIENCE_MS = 20_000;

/**
 * Fetches a page; the result is its readable text alone. A server that cannot be reached, or is starting (502, 503,
 * 504), is asked again for about 20 s, because it may be restarting; what stays is one line that begins `error: `.
 */
export function httpFetchTool(ports: { readonly page: PagePort; readonly clock: Clock }): Tool {
  return {
    declaration: {
      name: 'http_fetch',
      description: 'Fetch a page and return its text.',
      parameters: { type: 'object', properties: { url: { type: 'string' } }, required: ['url'] },
    },
    effect: 'none',
    policy: 'repeat',
    async call(args, { signal }) {
      const page = await reach(String(args.url), ports, signal);
      return page.status >= 400 ? `error: the page answered with status ${page.status}` : readableText(page);
    },
  };
}

async function reach(
  url: string,
  { page, clock }: { readonly page: PagePort; readonly clock: Clock },
  signal: AbortSignal,
): Promise<Page> {
  const since = clock.elapsed();
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    const isLate = (): boolean => clock.elapsed() - since + wait > PATIENCE_MS;
    try {
      const answer = await page(url, { signal });
      if (![502, 503, 504].includes(answer.status) || isLate()) return answer;
    } catch (error) {
      signal.throwIfAborted();
      if (!mayComeBack(error) || isLate()) throw error;
    }
    await clock.sleep(wait, signal);
  }
}

const mayComeBack = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'retryable' in error && error.retryable === true;

function readableText(page: Page): string {
  if (!/html/i.test(page.contentType)) return page.text.trim();
  return convert(page.text, {
    wordwrap: false,
    selectors: [
      {
        selector: 'a',
        options: { hideLinkHrefIfSameAsText: true, pathRewrite: (path: string) => absolute(path, page.url) },
      },
      { selector: 'img', format: 'skip' },
      ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'table'].map((selector) => ({ selector, options: { uppercase: false } })),
    ],
  }).trim();
}

function absolute(path: string, base: string): string {
  try {
    return new URL(path, base).href;
  } catch {
    return path;
  }
}
