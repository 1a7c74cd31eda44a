// What journalctl prints as JSON, read. Pure. (journalctl(1), -o json; systemd.journal-fields(7))

/** The messages of a unit's own processes, oldest first, without systemd's words about it. */
export function readJournal(text: string): readonly string[] {
  return text.split('\n').flatMap((line): string[] => {
    if (line === '') return [];
    const entry = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (entry['SYSLOG_IDENTIFIER'] === 'systemd') return [];
    return [messageOf(entry['MESSAGE'])];
  });
}

/** An array of bytes where it is not UTF-8. */
function messageOf(message: unknown): string {
  if (typeof message === 'string') return message;
  return Array.isArray(message) ? Buffer.from(message as number[]).toString('utf8') : '';
}
