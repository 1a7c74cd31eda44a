// A log file as lines: what it gained since it was last read, also when it appears later, is cut short
// or replaced.
import { open } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import type { LogSource } from '../access.js';
import { timeOf } from '../log-lines.js';
import type { LogLine } from '../log-lines.js';

const chunkBytes = 256 * 1024;

/** Reads one file piece by piece, whole lines only. */
export class LogTail implements LogSource {
  readonly node: string;
  readonly #path: string;
  #offset = 0;
  #inode: number | undefined;
  #decoder = new StringDecoder('utf8');
  #rest = '';
  #time = '';

  constructor(node: string, path: string) {
    this.node = node;
    this.#path = path;
  }

  /** The file has been there. */
  get seen(): boolean {
    return this.#inode !== undefined;
  }

  /** Whole lines that came since the last call. A shorter or another file is read from its start. */
  async more(): Promise<readonly LogLine[]> {
    const file = await open(this.#path, 'r').catch(() => undefined);
    if (file === undefined) return [];
    try {
      const { size, ino } = await file.stat();
      if (ino !== this.#inode || size < this.#offset) this.#startOver(ino);
      const lines: LogLine[] = [];
      const buffer = Buffer.alloc(Math.min(chunkBytes, Math.max(0, size - this.#offset)));
      while (this.#offset < size) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, this.#offset);
        if (bytesRead === 0) break;
        this.#offset += bytesRead;
        lines.push(...this.#split(this.#decoder.write(buffer.subarray(0, bytesRead))));
      }
      return lines;
    } finally {
      await file.close();
    }
  }

  /** A last line without an end: its program is still writing it, or never will. */
  remainder(): readonly LogLine[] {
    const text = this.#rest;
    this.#rest = '';
    return text === '' ? [] : [this.#line(text)];
  }

  /** Nothing is held open between two calls. */
  close(): void {
    this.#rest = '';
  }

  #startOver(inode: number): void {
    this.#inode = inode;
    this.#offset = 0;
    this.#decoder = new StringDecoder('utf8');
    this.#rest = '';
  }

  #split(text: string): readonly LogLine[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines.filter((line) => line !== '').map((line) => this.#line(line));
  }

  #line(text: string): LogLine {
    this.#time = timeOf(text) ?? this.#time;
    return { node: this.node, text, time: this.#time };
  }
}
