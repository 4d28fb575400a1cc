import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM, openBrowser, watchErrors } from '../harness/browser.ts';
import { type Product, startProduct, until } from '../harness/product.ts';
import { draw } from '../harness/workshop.ts';

/* A person has a run in hand: approves in the run view and on the page of the link, pauses, resumes, does again. */

type Detail = {
  readonly run: { readonly state: string; readonly endedAt: string | null };
  readonly waiting: readonly { readonly link: string | null }[];
};

describe.skipIf(CHROMIUM === null)('runs in the browser (skipped where no Chromium is found)', () => {
  let product: Product;
  let browser: Browser;
  let pipeline: string;
  beforeAll(async () => {
    product = await startProduct();
    browser = await openBrowser();
    const document = draw({
      nodes: [
        { id: 'start', type: 'trigger.manual' },
        { id: 'ask', type: 'approval', config: { subject: 'Refund {{ run.input.n }}?' } },
        { id: 'paid', type: 'transform', config: { expression: '"paid " + steps.ask.output.by' } },
        { id: 'broken', type: 'transform', config: { expression: 'run.input.nothing.here' } },
      ],
      edges: ['start > ask', 'ask.approved > paid', 'ask.rejected > broken'],
    });
    const made = await product.api<{ id: string }>('POST', '/api/pipelines', { name: 'refunds', document });
    await product.api('POST', `/api/pipelines/${made.id}/publish`, undefined, { 'if-match': '"1"' });
    pipeline = made.id;
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await product?.stop();
  });

  const detail = (run: string) => product.api<Detail>('GET', `/api/runs/${run}`);
  /** A run that waits for its approval. */
  const asking = async (): Promise<{ run: string; link: string }> => {
    const body = { source: 'published', input: { n: 7 } };
    const { runId } = await product.api<{ runId: string }>('POST', `/api/pipelines/${pipeline}/runs`, body);
    const link = await until('it waits', 20_000, async () => (await detail(runId)).waiting[0]?.link ?? undefined);
    return { run: runId, link };
  };
  const ended = (run: string) =>
    until('it ends', 20_000, async () => {
      const { run: row } = await detail(run);
      return row.endedAt === null ? undefined : row.state;
    });
  const open = async (address: string): Promise<{ page: Page; errors: readonly string[] }> => {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    const errors = watchErrors(page);
    await page.goto(address);
    return { page, errors };
  };

  it('S3: an approval is decided in the run view, and on its own page', async () => {
    const first = await asking();
    const { page, errors } = await open(`${product.url}/runs/${first.run}?step=ask`);
    await page.getByTestId('wait').getByText('Refund 7?').waitFor();
    await page.getByRole('button', { name: 'Approve' }).click();
    expect(await ended(first.run)).toBe('succeeded');
    await page.getByTestId('wait').waitFor({ state: 'detached' });

    const second = await asking();
    await page.goto(second.link);
    await page.getByText('Refund 7?').waitFor();
    await page.reload();
    await page.getByLabel('Comment').fill('not this one');
    await page.getByRole('button', { name: 'Reject' }).click();
    await page.getByRole('heading', { name: 'Rejected' }).waitFor();
    expect(await ended(second.run)).toBe('failed');
    expect(errors).toEqual([]);
  });

  it('a run is paused, resumed, and done again after it failed', async () => {
    const { run } = await asking();
    const { page } = await open(`${product.url}/runs/${run}?step=ask`);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('button', { name: 'Resume' }).waitFor();
    await page.getByRole('button', { name: 'Reject' }).click();
    await page.getByRole('button', { name: 'Resume' }).click();
    expect(await ended(run)).toBe('failed');
    await page.getByRole('button', { name: 'Back to all steps' }).click();
    await page.getByRole('button', { name: 'Retry', exact: true }).click();
    await page.waitForURL((url) => url.pathname.startsWith('/runs/') && !url.pathname.includes(run));
    const again = new URL(page.url()).pathname.split('/').at(-1) ?? '';
    expect(await ended(again)).toBe('failed');
  });
});
