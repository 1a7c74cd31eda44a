// Frames on a peer connection: u32 length · u32 CRC-32 · u8 type · payload. Length and CRC cover
// type and payload. A frame that is too long or damaged ends the connection: there is no way to
// find the next one.
import { crc32 } from 'node:zlib';
import { CodedError } from '@corral/kit';
import { extendCrc } from '../checksum.js';

export class FrameError extends CodedError<'E_PEER_FRAME'> {}

export const frameHeadBytes = 9;
/** One append of the largest client request, and room for the rest. */
const frameBytesMax = 64 * 1024 * 1024;

/** The first bytes of a connection of ours; no HTTP method begins with a zero byte. */
export const magic = Buffer.from([0x00, 0x43, 0x52, 0x4c]);

/** The head of a frame of `parts`; the parts follow it unchanged on the wire. */
export function frameHead(type: number, parts: readonly Uint8Array[]): Buffer {
  const head = Buffer.allocUnsafe(frameHeadBytes);
  head.writeUInt8(type, 8);
  let length = 1;
  let crc = crc32(head.subarray(8, 9));
  for (const part of parts) {
    length += part.length;
    crc = extendCrc(crc, part);
  }
  head.writeUInt32BE(length, 0);
  head.writeUInt32BE(crc, 4);
  return head;
}

/** Cuts a byte stream into frames. */
export class FrameReader {
  readonly #onFrame: (type: number, payload: Buffer) => void;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #needed = frameHeadBytes;

  constructor(onFrame: (type: number, payload: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  /** Throws FrameError on bytes that are no frame. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return;
    let buffer = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#bytes);
    this.#needed = frameHeadBytes;
    while (buffer.length >= this.#needed) {
      const length = buffer.readUInt32BE(0);
      if (length < 1 || length > frameBytesMax) {
        throw new FrameError('E_PEER_FRAME', `a frame of ${length} bytes is not allowed`);
      }
      const end = frameHeadBytes - 1 + length;
      if (buffer.length < end) {
        this.#needed = end;
        break;
      }
      const body = buffer.subarray(frameHeadBytes - 1, end);
      if (crc32(body) !== buffer.readUInt32BE(4)) {
        throw new FrameError('E_PEER_FRAME', 'a frame is damaged: its checksum does not match');
      }
      buffer = buffer.subarray(end);
      this.#needed = frameHeadBytes;
      this.#onFrame(body[0] ?? 0, body.subarray(1));
    }
    this.#chunks = buffer.length === 0 ? [] : [buffer];
    this.#bytes = buffer.length;
  }
}
