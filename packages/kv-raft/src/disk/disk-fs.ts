// The few file operations that the log and the snapshots need, as a seam: the real one below is
// node:fs; tests hand in one that loses unsynced writes, tears sectors and runs out of space.
import { promises as fs, fdatasync, read, write } from 'node:fs';
import { promisify } from 'node:util';

/** An open file. Positions are explicit; a short write is an error. */
export interface DiskFile {
  writeAt(bytes: Uint8Array, position: number): Promise<void>;
  readAt(length: number, position: number): Promise<Buffer>;
  /** fdatasync(2). */
  sync(): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface DiskFs {
  /** Opens for reading and writing; `create` makes a new file (0600) and fails if it exists. */
  open(path: string, how: 'create' | 'existing'): Promise<DiskFile>;
  readFile(path: string): Promise<Buffer>;
  list(path: string): Promise<string[]>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  makeDirectory(path: string): Promise<void>;
  copy(from: string, to: string): Promise<void>;
  /** Makes creations, renames and removals in a directory durable. */
  syncDirectory(path: string): Promise<void>;
  exists(path: string): Promise<boolean>;
}

const readFd = promisify(read);
const fdatasyncFd = promisify(fdatasync);

export const realDiskFs: DiskFs = {
  async open(path, how) {
    const handle = await fs.open(path, how === 'create' ? 'wx+' : 'r+', 0o600);
    const { fd } = handle;
    return {
      writeAt: (bytes, position) => writeAll(fd, bytes, position),
      async readAt(length, position) {
        const buffer = Buffer.alloc(length);
        const { bytesRead } = await readFd(fd, buffer, 0, length, position);
        return buffer.subarray(0, bytesRead);
      },
      sync: () => fdatasyncFd(fd),
      size: async () => (await handle.stat()).size,
      close: () => handle.close(),
    };
  },
  readFile: (path) => fs.readFile(path),
  list: (path) => fs.readdir(path),
  rename: (from, to) => fs.rename(from, to),
  remove: (path) => fs.rm(path, { recursive: true, force: true }),
  makeDirectory: async (path) => {
    await fs.mkdir(path, { recursive: true, mode: 0o700 });
  },
  copy: (from, to) => fs.copyFile(from, to),
  async syncDirectory(path) {
    const handle = await fs.open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  exists: (path) =>
    fs.access(path).then(
      () => true,
      () => false,
    ),
};

function writeAll(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, bytes.length, position, (error, written) => {
      if (error !== null) reject(error);
      else if (written === bytes.length) resolve();
      else if (written === 0) reject(new Error('nothing could be written'));
      else writeAll(fd, bytes.subarray(written), position + written).then(resolve, reject);
    });
  });
}
