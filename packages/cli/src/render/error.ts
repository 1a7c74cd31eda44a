// An error for people (id, what happened, what to do) or for programs, and the exit code.
import { CodedError, errorMessage } from '@corral/kit';
import { ClusterError } from '@corral/cluster';
import type { Context } from '../context.js';
import { colours } from '../context.js';

/** A mistake on the command line. */
export class UsageError extends CodedError<'E_USAGE'> {}

export function exitCodeOf(error: unknown): number {
  if (error instanceof ClusterError) return error.exitCode;
  if (error instanceof UsageError) return 2;
  return error instanceof CodedError ? 1 : 10;
}

export function reportError(error: unknown, context: Context, json: boolean): void {
  const { stdout, stderr } = context.streams;
  const code = error instanceof CodedError ? String(error.code) : 'E_BUG';
  const remedies = error instanceof ClusterError ? error.remedies : [];
  const details: Readonly<Record<string, unknown>> =
    error instanceof CodedError ? (error as CodedError).details : {};
  const exitCode = exitCodeOf(error);
  const message = errorMessage(error);
  if (json) {
    const cause =
      error instanceof Error && error.cause !== undefined ? errorMessage(error.cause) : null;
    stdout(`${JSON.stringify({ id: code, message, cause, remedies, details, exitCode })}\n`);
    return;
  }
  const c = colours(context);
  stderr(`${c.red(code)} (${exitCode})  ${message}\n`);
  const { log = [] } = details as { readonly log?: readonly string[] };
  for (const line of log) stderr(`  | ${line}\n`);
  const { findings, text, file } = details as {
    readonly findings?: readonly { readonly line: number; readonly column: number }[];
    readonly text?: string;
    readonly file?: string;
  };
  for (const { line, column } of findings ?? []) {
    const source = (text ?? '').split('\n')[line - 1];
    if (source === undefined || line < 1) continue;
    stderr(
      `  ${file ?? ''}\n  ${line} | ${source}\n  ${' '.repeat(String(line).length)} | ${' '.repeat(column - 1)}^\n`,
    );
  }
  for (const [i, remedy] of remedies.entries()) {
    stderr(`    ${i === 0 ? 'fix' : 'or '}     ${remedy}\n`);
  }
}
