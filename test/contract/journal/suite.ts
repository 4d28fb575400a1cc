import { afterAll, beforeAll, describe, it } from 'vitest';
import { appendCases } from './append.ts';
import type { JournalCases, JournalUnderTest } from './case.ts';
import { childCases } from './children.ts';
import { claimCases } from './claim.ts';
import { controlCases } from './control.ts';
import { limitCases } from './limits.ts';
import { startCases } from './start.ts';

const ROOMS: Readonly<Record<string, JournalCases>> = {
  start: startCases,
  append: appendCases,
  claim: claimCases,
  control: controlCases,
  children: childCases,
  limits: limitCases,
};

/** Registers the contract's cases for one implementation. `skip`: titles with the reason why they cannot hold there. */
export function journalContract(
  name: string,
  open: () => Promise<JournalUnderTest & { readonly close: () => Promise<void> }>,
  skip: Readonly<Record<string, string>> = {},
): void {
  let under: Awaited<ReturnType<typeof open>>;
  describe(name, () => {
    beforeAll(async () => {
      under = await open();
    });
    afterAll(() => under.close());
    for (const [room, cases] of Object.entries(ROOMS))
      describe(room, () => {
        for (const [title, holds] of Object.entries(cases))
          if (title in skip) it.skip(`${title} (${skip[title]})`, () => {});
          else it(title, () => holds(under));
      });
  });
}
