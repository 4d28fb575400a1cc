import type { JournalEvent } from '@switchyard/pipeline';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM, openBrowser, watchErrors } from '../harness/browser.ts';
import { type Product, startProduct } from '../harness/product.ts';

/*
 * What a person does first, by pointer and keyboard alone: draws a pipeline from nothing, runs it on the real model and
 * reads what it thought and did. The API is asked only afterwards, to compare.
 */

const QUESTION = 'A tank holds 90 liters. A pump fills 6 liters a minute. How many minutes does it take to fill it?';

/** Clicks into a field, empties it and types, key by key. */
async function type(page: Page, field: Locator, text: string): Promise<void> {
  await field.click();
  await page.keyboard.press('Control+A');
  await page.keyboard.type(text);
}

async function middle(handle: Locator): Promise<{ x: number; y: number }> {
  const box = await handle.boundingBox();
  if (box === null) throw new Error('the handle is not on screen');
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/** Drags a wire from an output to an input. */
async function connect(page: Page, from: string, to: string): Promise<void> {
  const start = await middle(page.getByLabel(`Output of ${from}`, { exact: true }));
  const end = await middle(page.getByLabel(`Input of ${to}`, { exact: true }));
  await page.mouse.move(start.x, start.y);
  await page.mouse.down();
  await page.mouse.move((start.x + end.x) / 2, (start.y + end.y) / 2, { steps: 5 });
  await page.mouse.move(end.x, end.y, { steps: 5 });
  await page.mouse.up();
}

/** Adds a node from the picker, found by typing its name. Nothing is selected, so it lands unconnected. */
async function addNode(page: Page, title: string): Promise<void> {
  await page.getByTestId('rf__wrapper').click({ position: { x: 600, y: 700 } });
  await page.getByRole('button', { name: 'Add node' }).click();
  await page.keyboard.type(title);
  await page.getByRole('option', { name: title, exact: true }).waitFor();
  await page.keyboard.press('Enter');
}

describe.skipIf(CHROMIUM === null)('in the browser (skipped where no Chromium is found)', () => {
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

  it('a pipeline is drawn from nothing, run, and its answer, thought and tool call are read', async () => {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.setDefaultTimeout(30_000);
    const errors = watchErrors(page);
    await page.goto(`${product.url}/pipelines`);
    await page.getByRole('button', { name: 'New pipeline' }).first().click();
    await page.getByRole('button', { name: 'Webhook' }).click();
    await addNode(page, 'Agent');
    await addNode(page, 'Respond');
    await drawn(page);
    await type(page, page.getByLabel('Pipeline name'), 'Word problems');
    await page.getByText(/^Saved/).waitFor();

    await page.getByRole('button', { name: 'Publish' }).click();
    await page.getByText('v1 published').waitFor();
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await type(page, page.getByLabel('Input (JSON)'), `{"body": {"question": "${QUESTION}"}}`);
    await page.getByRole('button', { name: 'Start run' }).click();

    const card = page.getByTestId(/^rf__node-agent/);
    await card.getByText('Succeeded').waitFor({ timeout: 60_000 });
    await card.click();
    await page.getByRole('tab', { name: 'Turns' }).click();
    const turns = page.getByRole('region', { name: 'Turns' });
    await turns
      .getByRole('button', { name: /Thought for/ })
      .first()
      .click();
    await turns.getByTestId('tool-call').getByRole('button').first().click();
    const shown = await turns.textContent();

    const { thought, code, result, answer } = await recorded(product, page);
    expect(answer).toContain('15');
    for (const part of [thought, code, result, answer]) expect(shown).toContain(part);
    expect(errors).toEqual([]);
    await page.close();

    const hook = await product.api('POST', '/hooks/drawn-by-hand', { question: QUESTION });
    expect(hook).toEqual({ answer });
  }, 240_000);

  it('what was deleted comes back by undo, and a reload shows what was saved', async () => {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.setDefaultTimeout(30_000);
    const errors = watchErrors(page);
    await page.goto(`${product.url}/pipelines`);
    await page.getByText('Triage a message').click();
    const card = page.getByTestId('rf__node-classify');
    const wires = page.locator('.react-flow__edge');
    await card.click();
    const before = await wires.count();
    await page.keyboard.press('Delete');
    await card.waitFor({ state: 'detached' });
    await page.keyboard.press('Control+z');
    await card.waitFor();
    await expect.poll(() => wires.count()).toBe(before);
    await page.getByText(/^Saved/).waitFor();
    await page.reload();
    await card.waitFor();
    await expect.poll(() => wires.count()).toBe(before);
    expect(errors).toEqual([]);
    await page.close();
  }, 120_000);

  it('eight visible tabs of one browser all load and see a new run: streams leave room for requests', async () => {
    const context = await browser.newContext();
    const { items } = await product.api<{ items: { id: string; slug: string }[] }>('GET', '/api/pipelines');
    const id = items.find((item) => item.slug.startsWith('triage'))?.id;
    const streams = new Set<unknown>();
    const tabs: Page[] = [];
    for (let i = 0; i < 8; i++) {
      const tab = await context.newPage();
      tab.setDefaultTimeout(30_000);
      tab.on('request', (request) => request.url().includes('/api/stream') && streams.add(request));
      tab.on('requestfinished', (request) => streams.delete(request));
      tab.on('requestfailed', (request) => streams.delete(request));
      tabs.push(tab);
      await tab.goto(`${product.url}/runs`);
      await tab.getByRole('heading', { name: 'Runs', exact: true }).waitFor();
    }
    await expect.poll(() => streams.size).toBe(4); // browsers allow six connections, and two must stay free
    const input = { body: { message: 'The river service is down' } };
    const { runId } = await product.api<{ runId: string }>('POST', `/api/pipelines/${id}/runs`, { input });
    for (const tab of tabs) await tab.getByLabel(`Run ${runId}: Succeeded`).waitFor();
    await context.close();
  }, 120_000);

  it('a failed run says what failed and why', async () => {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.setDefaultTimeout(30_000);
    const at = (x: number) => ({ x, y: 0 });
    const document = {
      format: 1,
      nodes: [
        { id: 'start', type: 'trigger.manual', config: {}, position: at(0) },
        { id: 'broken', type: 'code', config: { code: 'return input.missing.field' }, position: at(320) },
      ],
      edges: [{ id: 'e', from: { node: 'start', port: 'out' }, to: { node: 'broken', port: 'in' } }],
    };
    const { id } = await product.api<{ id: string }>('POST', '/api/pipelines', { name: 'Broken', document });
    const { runId } = await product.api<{ runId: string }>('POST', `/api/pipelines/${id}/runs`, { source: 'draft' });
    await page.goto(`${product.url}/runs/${runId}?step=broken`);
    const failure = page.getByRole('alert').filter({ hasText: 'sandbox_error' }).first();
    await failure.waitFor();
    expect(await failure.textContent()).toMatch(/missing|undefined/);
    await page.close();
  }, 120_000);
});

/** Connects trigger, agent and respond and fills in their forms. */
async function drawn(page: Page): Promise<void> {
  await connect(page, 'Webhook', 'Agent');
  await connect(page, 'Agent', 'Respond');
  await page.getByTestId(/^rf__node-webhook/).click();
  await type(page, page.getByLabel('Token'), 'drawn-by-hand');
  await page.keyboard.press('Tab');
  await page.keyboard.type('respond'); // the list below goes to the option that begins so
  await page.getByTestId(/^rf__node-agent/).click();
  await type(page, page.getByLabel('System message'), 'You are a step of a pipeline. Use the tools, then answer.');
  await type(page, page.getByLabel('Task'), 'Solve this step by step: {{ run.input.body.question }}');
  const tool = page.getByRole('checkbox', { name: 'run_code' });
  if (!(await tool.isChecked())) await tool.click(); // a new agent comes with an example's settings
  await page.getByTestId(/^rf__node-respond/).click();
  await type(page, page.getByLabel('Body'), '{"answer": "{{ steps.agent.output.text }}"}');
}

/** What the journal of the run on screen says. */
async function recorded(
  product: Product,
  page: Page,
): Promise<Record<'thought' | 'code' | 'result' | 'answer', string>> {
  const id = /run=([0-9a-f-]{36})/.exec(page.url())?.[1];
  const { events } = await product.api<{ events: JournalEvent[] }>('GET', `/api/runs/${id}/events`);
  const turns = events.filter((event) => event.kind === 'turn.finished');
  const call = turns[0]?.data.calls[0];
  const finished = events.find((event) => event.kind === 'tool.finished');
  const result = finished?.data.result;
  return {
    thought: turns[0]?.data.thought ?? '(no thought)',
    code: (JSON.parse(call?.arguments ?? '{}') as { code?: string }).code ?? '(no code)',
    result: result && 'inline' in result ? String(result.inline) : '(no result)',
    answer: turns.at(-1)?.data.text ?? '(no answer)',
  };
}
