// What journalctl prints as JSON, read. Pure. (journalctl(1), -o json; systemd.journal-fields(7))
import type { LogLine } from '../log-lines.js';

/** The messages of a unit's own processes, oldest first, without systemd's words about it. */
export function readJournal(text: string): readonly string[] {
  return text.split('\n').flatMap((line): string[] => {
    if (line === '') return [];
    const entry = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (entry['SYSLOG_IDENTIFIER'] === 'systemd') return [];
    return [messageOf(entry['MESSAGE'])];
  });
}

/** A line of the journal as `corral logs` shows it, and the place where it is found again. */
export type JournalEntry = LogLine & { readonly cursor: string };

/**
 * Everything that the journal has. Lines of our own programs are JSON and stay as they are; those of
 * others get what they lack: when, and who said it.
 */
export function readEntries(text: string, node: string): readonly JournalEntry[] {
  return text.split('\n').flatMap((line): JournalEntry[] => {
    if (line === '') return [];
    const entry = JSON.parse(line) as Readonly<Record<string, unknown>>;
    const message = messageOf(entry['MESSAGE']);
    // Microseconds since 1970.
    const time = new Date(Math.floor(Number(entry['__REALTIME_TIMESTAMP']) / 1000)).toISOString();
    const pid = messageOf(entry['_PID']);
    const who = `${messageOf(entry['SYSLOG_IDENTIFIER'])}${pid === '' ? '' : `[${pid}]`}`;
    const shown = message.startsWith('{"') ? message : `${time} ${who}: ${message}`;
    return [{ node, text: shown, time, cursor: messageOf(entry['__CURSOR']) }];
  });
}

/** An array of bytes where it is not UTF-8. */
function messageOf(message: unknown): string {
  if (typeof message === 'string') return message;
  if (!Array.isArray(message)) return '';
  const list: readonly unknown[] = message;
  // Of a field that is there several times the last one counts.
  return list.every((one) => typeof one === 'number')
    ? Buffer.from(list).toString('utf8')
    : messageOf(list.at(-1));
}
