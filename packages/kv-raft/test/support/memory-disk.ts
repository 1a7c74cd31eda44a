// A disk in memory that knows what is durable. Writes and directory changes count only when their
// file or directory was synced; a crash keeps or loses the rest sector by sector, as real disks do.
// Every changing operation passes `intercept`, which may throw: that is how a test stops the machine
// at the n-th operation or lets one call fail with an errno.
import { basename, dirname } from 'node:path';
import type { Prng } from '@corral/kit';
import type { DiskFile, DiskFs } from '../../src/disk/disk-fs.js';

export const sectorBytes = 512;

export type Operation = {
  readonly kind: 'create' | 'write' | 'sync' | 'rename' | 'remove' | 'mkdir' | 'syncDirectory';
  readonly path: string;
  /** Of a write. */
  readonly bytes?: number;
};

/** What stops with the process stays in the system's cache; what stops with the power is lost. */
export type CrashKind =
  | { readonly kind: 'process' }
  /** Nothing that was not synced is there. */
  | { readonly kind: 'power' }
  /** Any subset of the sectors that were not synced is there. */
  | { readonly kind: 'torn'; readonly prng: Prng };

type Inode = { readonly kind: 'file'; cached: Buffer; durable: Buffer };
type Names = Map<string, Inode | Directory>;
type Directory = { readonly kind: 'directory'; cached: Names; durable: Names };

export class MachineStopped extends Error {}

export class MemoryDisk implements DiskFs {
  intercept: (operation: Operation) => void = () => undefined;
  /** The same for reading: of a file, or opening one that exists. */
  interceptRead: (path: string) => void = () => undefined;
  readonly operations: Operation[] = [];
  readonly #root: Directory;

  constructor(root: Directory = directory()) {
    this.#root = root;
  }

  /** Lets everything up to operation `number` happen (counting from 1) and nothing after it. */
  stopAt(number: number): void {
    let seen = 0;
    this.intercept = () => {
      seen += 1;
      if (seen >= number) throw new MachineStopped(`stopped at operation ${number}`);
    };
  }

  /** Lets matching operations fail with `errno` from now on. */
  failWith(errno: string, matches: (operation: Operation) => boolean): void {
    this.intercept = (operation) => {
      if (matches(operation)) throw systemError(errno, operation);
    };
  }

  /** The disk as the next life finds it. */
  crash(how: CrashKind): MemoryDisk {
    const kept = how.kind === 'process' || (how.kind === 'torn' && how.prng.next() < 0.5);
    const copy = (node: Inode | Directory): Inode | Directory => {
      if (node.kind === 'file') {
        const bytes = bytesAfter(node, how);
        return { kind: 'file', cached: bytes, durable: Buffer.from(bytes) };
      }
      const names = kept ? node.cached : node.durable;
      const cached: Names = new Map([...names].map(([name, child]) => [name, copy(child)]));
      return { kind: 'directory', cached, durable: new Map(cached) };
    };
    return new MemoryDisk(copy(this.#root) as Directory);
  }

  has(path: string): boolean {
    return this.#node(path) !== undefined;
  }

  /** The bytes of a file, to be looked at or damaged. */
  bytes(path: string): Buffer {
    return this.#file(path).cached;
  }

  /** Changes a file behind everybody's back; it is durable at once. */
  overwrite(path: string, bytes: Buffer): void {
    const inode = this.#file(path);
    inode.cached = Buffer.from(bytes);
    inode.durable = Buffer.from(bytes);
  }

  async open(path: string, how: 'create' | 'existing'): Promise<DiskFile> {
    await Promise.resolve();
    if (how === 'create') {
      this.#announce('create', path);
      const parent = this.#directory(dirname(path));
      if (parent.cached.has(basename(path))) throw systemError('EEXIST', { kind: 'create', path });
      parent.cached.set(basename(path), file(Buffer.alloc(0)));
    }
    if (how === 'existing') this.interceptRead(path);
    const inode = this.#file(path);
    return {
      writeAt: async (bytes, position) => {
        await Promise.resolve();
        this.#announce('write', path, bytes.length);
        const length = Math.max(inode.cached.length, position + bytes.length);
        const grown = Buffer.alloc(length);
        inode.cached.copy(grown);
        grown.set(bytes, position);
        inode.cached = grown;
      },
      readAt: async (length, position) => {
        await Promise.resolve();
        return Buffer.from(inode.cached.subarray(position, position + length));
      },
      sync: async () => {
        await Promise.resolve();
        this.#announce('sync', path);
        inode.durable = Buffer.from(inode.cached);
      },
      size: async () => {
        await Promise.resolve();
        return inode.cached.length;
      },
      close: () => Promise.resolve(),
    };
  }

  async readFile(path: string): Promise<Buffer> {
    await Promise.resolve();
    this.interceptRead(path);
    return Buffer.from(this.#file(path).cached);
  }

  async list(path: string): Promise<string[]> {
    await Promise.resolve();
    return [...this.#directory(path).cached.keys()];
  }

  async rename(from: string, to: string): Promise<void> {
    await Promise.resolve();
    this.#announce('rename', from);
    const node = this.#node(from);
    if (node === undefined) throw systemError('ENOENT', { kind: 'rename', path: from });
    this.#directory(dirname(from)).cached.delete(basename(from));
    this.#directory(dirname(to)).cached.set(basename(to), node);
  }

  async remove(path: string): Promise<void> {
    await Promise.resolve();
    if (this.#node(path) === undefined) return;
    this.#announce('remove', path);
    this.#directory(dirname(path)).cached.delete(basename(path));
  }

  async makeDirectory(path: string): Promise<void> {
    await Promise.resolve();
    this.#announce('mkdir', path);
    let at = this.#root;
    for (const name of namesOf(path)) {
      const child = at.cached.get(name) ?? directory();
      if (child.kind === 'file') throw systemError('ENOTDIR', { kind: 'mkdir', path });
      at.cached.set(name, child);
      at = child;
    }
  }

  async copy(from: string, to: string): Promise<void> {
    await Promise.resolve();
    this.#announce('create', to);
    const copied = file(Buffer.alloc(0));
    copied.cached = Buffer.from(this.#file(from).cached);
    this.#directory(dirname(to)).cached.set(basename(to), copied);
  }

  async syncDirectory(path: string): Promise<void> {
    await Promise.resolve();
    this.#announce('syncDirectory', path);
    const synced = this.#directory(path);
    synced.durable = new Map(synced.cached);
  }

  async exists(path: string): Promise<boolean> {
    await Promise.resolve();
    return this.#node(path) !== undefined;
  }

  #announce(kind: Operation['kind'], path: string, bytes = 0): void {
    const operation = { kind, path, bytes };
    this.operations.push(operation);
    this.intercept(operation);
  }

  #node(path: string): Inode | Directory | undefined {
    let at: Inode | Directory | undefined = this.#root;
    for (const name of namesOf(path)) {
      at = at?.kind === 'directory' ? at.cached.get(name) : undefined;
    }
    return at;
  }

  #file(path: string): Inode {
    const node = this.#node(path);
    if (node?.kind === 'file') return node;
    throw systemError('ENOENT', { kind: 'create', path });
  }

  #directory(path: string): Directory {
    const node = this.#node(path);
    if (node?.kind === 'directory') return node;
    throw systemError('ENOENT', { kind: 'mkdir', path });
  }
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '');
}

function directory(): Directory {
  return { kind: 'directory', cached: new Map(), durable: new Map() };
}

function file(bytes: Buffer): Inode {
  return { kind: 'file', cached: bytes, durable: Buffer.from(bytes) };
}

export function systemError(errno: string, operation: Operation): Error {
  const text = `${errno}: injected, ${operation.kind} '${operation.path}'`;
  return Object.assign(new Error(text), { code: errno });
}

function bytesAfter(inode: Inode, how: CrashKind): Buffer {
  if (how.kind === 'process') return Buffer.from(inode.cached);
  if (how.kind === 'power') return Buffer.from(inode.durable);
  const { cached, durable } = inode;
  const bytes = Buffer.alloc(how.prng.next() < 0.5 ? cached.length : durable.length);
  durable.copy(bytes);
  for (let offset = 0; offset < bytes.length; offset += sectorBytes) {
    if (how.prng.next() < 0.5) cached.subarray(offset, offset + sectorBytes).copy(bytes, offset);
  }
  return bytes;
}
