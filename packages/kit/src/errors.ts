// CodedError is the base of every error class in the repository (pure packages keep a twin of the
// same shape). A code is stable and machine-readable; the message says what was attempted, on
// what, why it failed and what to do.

/** What every coded error carries besides its message. */
export type CodedErrorOptions = {
  readonly cause?: unknown;
  /** Facts for programs (paths, ids, limits); never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
};

/** An error with a stable code. Packages subclass it with a literal union for `Code`. */
export class CodedError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: Code, message: string, options: CodedErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** The `code` of a Node system error (`ECONNREFUSED`, `ENOENT`), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

/**
 * The message of anything that was thrown. A dial that failed on every address of a name is an
 * AggregateError without a message; then those of its parts are given.
 */
export function errorMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '') return error.message;
  if (error instanceof AggregateError) return error.errors.map(errorMessage).join(', ');
  return error.name;
}
