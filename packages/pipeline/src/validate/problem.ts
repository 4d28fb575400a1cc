/** One thing wrong with a document, for people and programs. */
export type Problem = {
  /** Stable `snake_case`. */
  readonly code: string;
  /** `error`: it cannot be published or run. `warning`: it can. */
  readonly severity: 'error' | 'warning';
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  readonly node?: string;
  readonly edge?: string;
  /** Where in the document, or within the config when a node is named. */
  readonly path?: readonly (string | number)[];
};

/** Where a problem lies and what helps. */
export type Where = Omit<Problem, 'code' | 'severity' | 'message'>;

/** A problem that keeps the document from running. */
export const errorProblem = (code: string, message: string, where: Where = {}): Problem => ({
  code,
  severity: 'error',
  message,
  ...where,
});

/** A problem to know of. */
export const warning = (code: string, message: string, where: Where = {}): Problem => ({
  code,
  severity: 'warning',
  message,
  ...where,
});
