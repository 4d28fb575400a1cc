import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { openBrowser } from '../harness/browser.ts';
import { type Product, startProduct } from '../harness/product.ts';

/*
 * `npm run pictures`: the README's pictures, taken from the real product: the canvas of a ready pipeline, and a run of it
 * with what the model thought and did.
 */

const IMAGES = join(import.meta.dirname, '../../docs/images');
const QUESTION =
  'A train leaves Station A at 60 mph. Another leaves Station B at 80 mph. They are 280 miles apart. When do they meet?';

async function take(page: Page, product: Product): Promise<void> {
  const { items } = await product.api<{ items: { id: string; slug: string }[] }>('GET', '/api/pipelines');
  const idOf = (slug: string): string => items.find((item) => item.slug.startsWith(slug))?.id ?? '';
  await page.goto(`${product.url}/pipelines/${idOf('triage')}`);
  await page.getByTestId('rf__node-classify').waitFor();
  await page.getByText('v1 published').waitFor();
  await page.screenshot({ path: join(IMAGES, 'canvas.png') });

  await product.api('POST', '/hooks/demo-solve', { question: QUESTION });
  const runs = await product.api<{ items: { id: string }[] }>('GET', '/api/runs?limit=1');
  await page.goto(`${product.url}/runs/${runs.items[0]?.id}?step=solve&tab=turns`);
  const turns = page.getByRole('region', { name: 'Turns' });
  await turns
    .getByRole('button', { name: /Thought for/ })
    .first()
    .click();
  await turns.getByTestId('tool-call').getByRole('button').first().click();
  await turns.getByText('Result').first().waitFor();
  await page.mouse.move(0, 0);
  await page.screenshot({ path: join(IMAGES, 'run.png') });
}

const product = await startProduct({ port: 7070 });
const browser = await openBrowser();
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: 'light' });
  await take(page, product);
} finally {
  await browser.close();
  await product.stop();
}
