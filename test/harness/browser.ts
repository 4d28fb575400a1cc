import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** The Chromium of this machine, or null: browser tests are skipped then and say so. */
export const CHROMIUM: string | null =
  (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => NAMES.map((name) => join(folder, name)))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    }) ?? null;

const QUIET = ['quic', 'background-networking', 'component-update', 'sync'].map((part) => `--disable-${part}`);

/** Starts Chromium with a fresh profile, as root too. The caller closes it. */
export function openBrowser(): Promise<Browser> {
  if (CHROMIUM === null) throw new Error(`no Chromium on the path (${NAMES.join(', ')})`);
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', ...QUIET],
  });
}

/** Errors a page reports: of scripts, on its console, and of its content policy. */
export function watchErrors(page: Page): readonly string[] {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(`script: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(`console: ${message.text()}`);
  });
  return errors;
}
