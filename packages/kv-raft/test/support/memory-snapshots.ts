// Snapshots in memory, as a transport sees them: what is there to be read, what arrived.
import type { SnapshotMeta } from '@corral/raft';
import type { SnapshotWriter } from '../../src/storage.js';
import type { SnapshotBytes } from '../../src/transport.js';

export class MemorySnapshots implements SnapshotBytes {
  /** By index. */
  readonly files = new Map<number, Uint8Array[]>();
  open = 0;
  abandoned = 0;
  /** Called before each chunk is read or written. */
  beforeChunk: (what: 'read' | 'write') => void | Promise<void> = () => undefined;

  async *read(meta: SnapshotMeta): AsyncIterable<Uint8Array> {
    for (const chunk of this.files.get(meta.index) ?? []) {
      await this.beforeChunk('read');
      yield chunk;
    }
  }

  create(meta: SnapshotMeta): Promise<SnapshotWriter> {
    const chunks: Uint8Array[] = [];
    this.open += 1;
    return Promise.resolve({
      write: async (chunk: Uint8Array) => {
        await this.beforeChunk('write');
        chunks.push(Buffer.from(chunk));
      },
      finish: () => {
        this.open -= 1;
        this.files.set(meta.index, chunks);
        return Promise.resolve();
      },
      abandon: () => {
        this.open -= 1;
        this.abandoned += 1;
        return Promise.resolve();
      },
    });
  }

  text(index: number): string | undefined {
    const chunks = this.files.get(index);
    return chunks === undefined ? undefined : Buffer.concat(chunks).toString();
  }
}
