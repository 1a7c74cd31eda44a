// CRC-32 (the polynomial of IEEE 802.3, as in zip and gzip), four bytes at a time.

/** The checksum of bytes `start` to `end`, as an unsigned 32-bit number. */
export function crc32(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1;
  let at = start;
  const t0 = tables[0];
  for (; at + 4 <= end; at += 4) {
    const word =
      crc ^
      (byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8)) ^
      ((byteAt(bytes, at + 2) << 16) | (byteAt(bytes, at + 3) << 24));
    crc =
      entry(tables[3], word & 0xff) ^
      entry(tables[2], (word >>> 8) & 0xff) ^
      entry(tables[1], (word >>> 16) & 0xff) ^
      entry(t0, word >>> 24);
  }
  for (; at < end; at += 1) crc = (crc >>> 8) ^ entry(t0, (crc ^ byteAt(bytes, at)) & 0xff);
  return (crc ^ -1) >>> 0;
}

type Table = Int32Array;

/** `tables[n][b]` is the effect of byte b followed by n zero bytes. */
const tables = makeTables();

function makeTables(): readonly [Table, Table, Table, Table] {
  const first = new Int32Array(256);
  for (let value = 0; value < 256; value += 1) {
    let crc = value;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    first[value] = crc;
  }
  const second = followedByZero(first, first);
  const third = followedByZero(second, first);
  return [first, second, third, followedByZero(third, first)];
}

function followedByZero(table: Table, first: Table): Table {
  return table.map((crc) => (crc >>> 8) ^ entry(first, crc & 0xff));
}

function entry(table: Table, at: number): number {
  return table[at] ?? 0;
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
