import type { Pool, QueryResultRow } from 'pg';
import { classify, mayRepeat } from './errors.ts';
import type { System } from './system.ts';

/** A prepared statement: parsed once per connection under its name. */
export type Statement = { readonly name: string; readonly text: string };

/** Sends statements until they are answered. */
export type Sender = {
  /**
   * Sends the very same call again, with back-off, while its result is unknown or the server asks for patience; the functions of
   * the journal cannot apply twice. After `patienceMs` it throws the classified error (`database_unavailable`, `storage_full`).
   * `again` is called before each repetition.
   */
  readonly send: <Row extends QueryResultRow>(
    statement: Statement,
    values: readonly unknown[],
    again?: () => void,
  ) => Promise<readonly Row[]>;
};

const FIRST_MS = 10;
const LONGEST_MS = 1_000;

/** A sender on a pool. */
export function createSender(pool: Pool, system: System, patienceMs: number): Sender {
  return {
    send: async <Row extends QueryResultRow>(statement: Statement, values: readonly unknown[], again?: () => void) => {
      const until = system.elapsed() + patienceMs;
      for (let pause = FIRST_MS; ; pause = Math.min(pause * 2, LONGEST_MS)) {
        try {
          return (await pool.query<Row>({ ...statement, values: [...values] })).rows;
        } catch (error) {
          if (!mayRepeat(error) || system.elapsed() + pause > until) throw classify(error);
          await system.sleep(pause);
          again?.();
        }
      }
    },
  };
}
