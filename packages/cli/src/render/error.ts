// An error for people (id, what happened, what to do) or for programs, and the exit code.
import { CodedError, errorMessage } from '@corral/kit';
import { ClusterError, exitCodes } from '@corral/cluster/errors';
import type { Context } from '../context.js';
import { colours, tell } from '../context.js';
import { printObject } from './objects.js';

/** A mistake on the command line. */
export class UsageError extends CodedError<'E_USAGE'> {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super('E_USAGE', message, { details });
  }
}

export type ErrorStyle = { readonly form?: string | undefined; readonly verbose?: boolean };

/** One table: exitCodes of the cluster package. Errors without an id are bugs. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof CodedError)) return 10;
  const known: Readonly<Record<string, number>> = exitCodes;
  return known[String(error.code)] ?? 1;
}

export async function reportError(
  error: unknown,
  context: Context,
  style: ErrorStyle,
): Promise<void> {
  const id = error instanceof CodedError ? String(error.code) : 'E_BUG';
  const remedies = error instanceof ClusterError ? error.remedies.slice(0, 3) : [];
  const details: Readonly<Record<string, unknown>> =
    error instanceof CodedError ? (error as CodedError).details : {};
  const exitCode = exitCodeOf(error);
  const message = errorMessage(error);
  const cause =
    error instanceof Error && error.cause !== undefined ? errorMessage(error.cause) : null;
  if (style.form === 'json' || style.form === 'yaml') {
    await printObject(context, style.form, { id, message, cause, remedies, details, exitCode });
    return;
  }
  const c = colours(context, 'stderr');
  tell(context, `${c.red(id)} (${exitCode})  ${message}\n`);
  tellDetails(details, context);
  if (style.verbose === true) {
    if (cause !== null) tell(context, `    cause   ${cause}\n`);
    if (id === 'E_BUG' && error instanceof Error) tell(context, `${error.stack ?? ''}\n`);
  }
  for (const [i, remedy] of remedies.entries()) {
    tell(context, `    ${i === 0 ? 'fix' : 'or '}     ${remedy}\n`);
  }
  tell(context, c.dim(`    more    corral help ${id}\n`));
}

function tellDetails(details: Readonly<Record<string, unknown>>, context: Context): void {
  const {
    log = [],
    findings,
    text,
    file,
  } = details as {
    readonly log?: readonly string[];
    readonly findings?: readonly { readonly line: number; readonly column: number }[];
    readonly text?: string;
    readonly file?: string;
  };
  for (const line of log) context.streams.stderr(`  | ${line}\n`);
  for (const { line, column } of findings ?? []) {
    const source = (text ?? '').split('\n')[line - 1];
    if (source === undefined || line < 1) continue;
    const margin = ' '.repeat(String(line).length);
    context.streams.stderr(
      `  ${file ?? ''}\n  ${line} | ${source}\n  ${margin} | ${' '.repeat(column - 1)}^\n`,
    );
  }
}
