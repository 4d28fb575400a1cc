/**
 * Why a command ends with a status other than 0. Exit statuses: 1 the command failed, 2 it was called wrongly, 3 the product or
 * the database cannot be reached, 4 the doctor found problems outside of the journal.
 */
export class CliFailure extends Error {
  readonly code: string;
  readonly exit: 1 | 2 | 3 | 4;
  readonly hint: string | undefined;

  constructor(exit: 1 | 2 | 3 | 4, code: string, message: string, hint?: string) {
    super(message);
    this.name = 'CliFailure';
    this.code = code;
    this.exit = exit;
    this.hint = hint;
  }
}
