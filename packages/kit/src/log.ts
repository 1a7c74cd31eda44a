// Structured logging: a fixed message, facts as fields, one JSON object per line. Control
// characters are escaped by JSON, so a log line cannot be forged by a key name.
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
    const line = { time, level, msg: message, ...options.fields, ...fields };
    options.write(`${JSON.stringify(line, printable)}\n`);
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

function printable(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return value.message;
  return value;
}
