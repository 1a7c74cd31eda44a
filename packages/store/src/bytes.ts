// Growing byte buffers and checked reading: the alphabet of the snapshot format. Integers are
// varints (7 bits a byte, low first, up to 2^53 - 1), numbers are 8-byte little-endian floats,
// strings are a varint of their bytes followed by UTF-8.
import { readUtf8, utf8LengthMax, writeUtf8 } from './utf8.js';

export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;
  readonly #reserved: number;

  /** `reserved` bytes at the start stay free for the caller's own header. */
  constructor(reserved: number) {
    this.#reserved = reserved;
    this.#bytes = new Uint8Array(1024);
    this.#length = reserved;
  }

  /** Bytes written, without the reserved ones. */
  get length(): number {
    return this.#length - this.#reserved;
  }

  byte(value: number): void {
    this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  integer(value: number): void {
    this.#grow(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  float(value: number): void {
    this.#grow(8);
    new DataView(this.#bytes.buffer).setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  string(text: string): void {
    this.#grow(utf8LengthMax(text) + 8);
    // The length goes first and is as wide as the longest possible text would need, so that the
    // text can be written in one pass; a varint may carry zeros at its end.
    const width = varintWidth(utf8LengthMax(text));
    const start = this.#length + width;
    const end = writeUtf8(text, this.#bytes, start);
    let rest = end - start;
    for (let at = 0; at < width; at += 1) {
      const more = at < width - 1 ? 0x80 : 0;
      this.#bytes[this.#length++] = (rest % 0x80) | more;
      rest = Math.floor(rest / 0x80);
    }
    this.#length = end;
  }

  /** Everything written, reserved bytes first; the writer starts anew. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    if (this.#bytes.length > keptMax) this.#bytes = new Uint8Array(1024);
    this.#length = this.#reserved;
    return taken;
  }

  #grow(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/** A buffer that grew beyond this for one huge value is not kept. */
const keptMax = 4 * 1024 * 1024;

/** Reads what a ByteWriter wrote; `fail` is called, and must throw, when that is impossible. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #fail: (reason: string) => never;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start: number, end: number, fail: (reason: string) => never) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
    this.#fail = fail;
  }

  get atEnd(): boolean {
    return this.#at === this.#end;
  }

  byte(): number {
    this.#need(1);
    return this.#view.getUint8(this.#at++);
  }

  integer(): number {
    let value = 0;
    let scale = 1;
    for (let width = 1; width <= 8; width += 1) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        return Number.isSafeInteger(value) ? value : this.#fail('an integer is too large');
      }
      scale *= 0x80;
    }
    return this.#fail('an integer does not end');
  }

  float(): number {
    this.#need(8);
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  string(): string {
    const length = this.integer();
    this.#need(length);
    const start = this.#at;
    this.#at += length;
    return readUtf8(this.#bytes, start, this.#at) ?? this.#fail('a string is not UTF-8');
  }

  #need(count: number): void {
    if (this.#at + count > this.#end) this.#fail('a record is cut off');
  }
}

function varintWidth(value: number): number {
  let width = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) width += 1;
  return width;
}
