/**
 * An expression or template that cannot be parsed or evaluated. `code` is stable `snake_case`; `position` counts
 * UTF-16 units from the start of the text the user wrote. Deterministic: the same text and values fail the same way.
 */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
  readonly code: string;
  readonly position: number | undefined;
  readonly hint: string | undefined;

  constructor(
    code: string,
    message: string,
    more: { readonly position?: number | undefined; readonly hint?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.position = more.position;
    this.hint = more.hint;
  }
}
