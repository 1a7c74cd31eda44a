// CRC-32 over several pieces. zlib's own continues from a given value, but answers 0 for an empty
// piece whose memory is nowhere; an empty piece changes nothing here.
import { crc32 } from 'node:zlib';

/** The checksum of what `crc` covers followed by `bytes`; 0 stands for nothing so far. */
export function extendCrc(crc: number, bytes: Uint8Array): number {
  return bytes.length === 0 ? crc : crc32(bytes, crc);
}
