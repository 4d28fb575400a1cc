import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM, openBrowser, watchErrors } from '../harness/browser.ts';
import { type Product, startProduct, until } from '../harness/product.ts';
import { draw } from '../harness/workshop.ts';

/* A person looks at a run with a loop: how far it is, its newest iteration, and by hand those before. */

describe.skipIf(CHROMIUM === null)('loops in the browser (skipped where no Chromium is found)', () => {
  let product: Product;
  let browser: Browser;
  beforeAll(async () => {
    product = await startProduct();
    browser = await openBrowser();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await product?.stop();
  });

  it('the steps of a loop’s iterations are seen in the run view, one by one', async () => {
    const document = draw({
      nodes: [
        { id: 'start', type: 'trigger.manual' },
        { id: 'each', type: 'loop', config: { items: '{{ run.input.rows }}', onItemError: 'continue' } },
        { id: 'word', type: 'transform', config: { expression: 'item.name' } },
        { id: 'after', type: 'transform', config: { expression: 'steps.each.output.items' } },
      ],
      edges: ['start > each', 'each.item > word', 'each.done > after'],
    });
    const made = await product.api<{ id: string }>('POST', '/api/pipelines', { name: 'rows', document });
    await product.api('POST', `/api/pipelines/${made.id}/publish`, undefined, { 'if-match': '"1"' });
    const { runId } = await product.api<{ runId: string }>('POST', `/api/pipelines/${made.id}/runs`, {
      source: 'published',
      input: { rows: [{ name: 'one' }, {}, { name: 'three' }] },
    });
    await until('it ends', 20_000, async () => {
      const { run } = await product.api<{ run: { endedAt: string | null } }>('GET', `/api/runs/${runId}`);
      return run.endedAt ?? undefined;
    });

    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.setDefaultTimeout(20_000);
    const errors = watchErrors(page);
    await page.goto(`${product.url}/runs/${runId}`);
    await page.getByTestId('rf__node-each').getByText('3 of 3 · 1 failed').waitFor();
    await page.getByTestId('step-word').click();
    const panel = page.getByTestId('step-panel');
    await panel.getByText('each[2]', { exact: true }).waitFor();
    await panel.getByText('three').waitFor();
    await panel.getByRole('button', { name: 'Earlier iteration' }).click();
    await panel.getByText('each[1]', { exact: true }).waitFor();
    await panel.getByRole('tab', { name: 'Error' }).waitFor();
    await panel.getByRole('button', { name: 'Earlier iteration' }).click();
    await panel.getByText('one', { exact: false }).first().waitFor();
    expect(await panel.getByRole('button', { name: 'Earlier iteration' }).isDisabled()).toBe(true);

    await page.goto(`${product.url}/runs/${runId}?step=${encodeURIComponent('each[1]/word')}`);
    await panel.getByText('2 of the 3 shown').waitFor();
    await panel.getByRole('button', { name: 'Newest iteration' }).click();
    await panel.getByText('3 of the 3 shown').waitFor();
    expect(errors).toEqual([]);
  });
});
