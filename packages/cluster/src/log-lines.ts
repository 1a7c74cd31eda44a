// Lines of logs, and several logs merged in the order of time.

export type LogLine = {
  readonly node: string;
  readonly text: string;
  /** ISO 8601; of a line without a time that of the last line before it that has one. */
  readonly time: string;
};

/** The time that our own programs write first; undefined for lines of others. */
export function timeOf(text: string): string | undefined {
  // Programs of other make may write a time without being asked; only ours are known to be UTC.
  return /^\{"time":"([^"]+)"/.exec(text)?.[1];
}

/** In the order of time; lines of one log keep their order, equal times that of the logs. */
export function mergeByTime(logs: readonly (readonly LogLine[])[]): readonly LogLine[] {
  const next = logs.map(() => 0);
  const merged: LogLine[] = [];
  for (;;) {
    let first: { readonly line: LogLine; readonly log: number } | undefined;
    for (const [log, lines] of logs.entries()) {
      const line = lines[next[log] ?? 0];
      if (line === undefined) continue;
      if (first === undefined || line.time < first.line.time) first = { line, log };
    }
    if (first === undefined) return merged;
    merged.push(first.line);
    next[first.log] = (next[first.log] ?? 0) + 1;
  }
}
