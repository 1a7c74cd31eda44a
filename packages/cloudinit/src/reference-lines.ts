// The line numbers of the original's report. It does not ask its parser but searches the text for
// something that looks like the key or the list item; where it finds nothing it says 0.

/** A key as written, or the index of an item; undefined where no text could match. */
export type PathPart = string | number | undefined;

/** Finds the places of nodes the way coreos-cloudinit 1.9.3 does. */
export class ReferenceLines {
  /** Lines, counted from 1 and rising, by what stands before their first colon. */
  readonly #keys = new Map<string, number[]>();
  readonly #hyphens: number[] = [];

  constructor(text: string) {
    for (const [i, line] of text.replaceAll('\r', '').split('\n').entries()) {
      if (/^ *-/.test(line)) this.#hyphens.push(i + 1);
      const key = /^ *-? ?(.*?):/.exec(line)?.[1];
      if (key === undefined) continue;
      const known = this.#keys.get(key);
      if (known === undefined) this.#keys.set(key, [i + 1]);
      else known.push(i + 1);
    }
  }

  /** The line of the node that `path` leads to, counted from 1; 0 when the search fails. */
  lineOf(path: readonly PathPart[]): number {
    let cursor = 1;
    for (const part of path) {
      const lines = typeof part === 'number' ? this.#hyphens : (this.#keys.get(part ?? '') ?? []);
      const first = firstFrom(lines, cursor);
      cursor =
        (part === undefined ? 0 : lines[typeof part === 'number' ? first + part : first]) ?? 0;
      if (cursor === 0) return 0;
    }
    return cursor;
  }
}

/** The index of the first of these rising lines that is not before `from`. */
function firstFrom(lines: readonly number[], from: number): number {
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((lines[middle] ?? 0) < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
