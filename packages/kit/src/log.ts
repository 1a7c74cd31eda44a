// Structured logging: a fixed message, facts as fields, one JSON object per line. Control
// characters are escaped and a field cannot take the place of time, level or message, so a log line
// cannot be forged by a key name. Logging never throws.
import { errorMessage } from './errors.js';
import type { Clock } from './clock.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

/** Where state changes and boundary events are reported. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to every line. */
  child(fields: LogFields): Logger;
}

/** A logger that writes JSON lines through `write` (one call per line, newline included). */
export function jsonLogger(options: {
  readonly clock: Clock;
  readonly write: (line: string) => void;
  /** Decides per line, so that a level can change while the program runs; default: info and up. */
  readonly enabled?: (level: LogLevel) => boolean;
  readonly fields?: LogFields;
}): Logger {
  const enabled = options.enabled ?? ((level) => level !== 'debug');
  const emit = (level: LogLevel, message: string, fields?: LogFields): void => {
    if (!enabled(level)) return;
    const time = new Date(options.clock.wallTime()).toISOString();
    const head = { time, level, msg: message };
    options.write(`${render(head, { ...options.fields, ...fields })}\n`);
  };
  return {
    debug: (message, fields) => emit('debug', message, fields),
    info: (message, fields) => emit('info', message, fields),
    warn: (message, fields) => emit('warn', message, fields),
    error: (message, fields) => emit('error', message, fields),
    child: (fields) => jsonLogger({ ...options, fields: { ...options.fields, ...fields } }),
  };
}

/** A logger that says nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

/** What JSON leaves as it is although terminals and line readers act on it: DEL, C1, U+2028/9. */
const active = /[\u007f-\u009f\u2028\u2029]/g;

function render(head: LogFields, fields: LogFields): string {
  let text: string;
  try {
    text = JSON.stringify({ ...head, ...fields, ...head }, printable);
  } catch (error) {
    text = JSON.stringify({ ...head, unprintable: errorMessage(error) });
  }
  return text.replace(
    active,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function printable(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return errorMessage(value);
  return value;
}
