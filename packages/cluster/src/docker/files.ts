// Files inside a container. One that runs has its own tar, which sees what is mounted inside (/run and
// /tmp are memory there, and the engine's archives never see it); of one that does not run the engine
// gives and takes archives.
import { posix } from 'node:path';
import { PassThrough, Writable, pipeline } from 'node:stream';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { pack } from 'tar-stream';
import type { FileKind, FileSide } from '../access.js';
import { ClusterError } from '../errors.js';
import { packWords, tarFailure, unpackWords } from '../tar-here.js';
import { mapArchive } from '../tar-entries.js';
import { engineMessage, statusOf } from './engine.js';
import { execForUser } from './user-exec.js';

const saidMax = 16_384;
/** Go's os.FileMode, as the engine tells it. */
const [goDirectory, goSymlink] = [2 ** 31, 2 ** 27];
const otherKinds = 2 ** 26 + 2 ** 25 + 2 ** 24 + 2 ** 21 + 2 ** 19;

export type DockerFilesOptions = {
  readonly node: string;
  readonly isRunning: boolean;
  readonly container: () => Promise<Docker.Container>;
};

export class DockerFiles implements FileSide {
  readonly prefix: string;
  readonly #options: DockerFilesOptions;

  constructor(options: DockerFilesOptions) {
    this.#options = options;
    this.prefix = `${options.node}:`;
  }

  async kindOf(
    path: string,
    { follow }: { readonly follow: boolean },
  ): Promise<FileKind | undefined> {
    if (!this.#options.isRunning) return this.#kindAtRest(path, follow);
    const script =
      'if [ -L "$1" ] && [ -z "$2" ]; then echo link; elif [ -d "$1" ]; then echo folder; ' +
      'elif [ -f "$1" ]; then echo file; elif [ -e "$1" ]; then echo other; fi';
    let said = '';
    const sink = keep((text) => (said += text));
    await this.#exec(['sh', '-c', script, 'sh', path, follow ? 'follow' : ''], sink, sink);
    const kinds: readonly FileKind[] = ['file', 'folder', 'link', 'other'];
    return kinds.find((kind) => kind === said.trim());
  }

  async pack(folder: string, name: string): Promise<Readable> {
    const what = `${this.prefix}${folder}`;
    if (!this.#options.isRunning) {
      const container = await this.#options.container();
      const path = name === '.' ? `${folder}/.` : posix.join(folder, name);
      const archive = await container.getArchive({ path });
      return pipeline(archive, new PassThrough(), () => undefined);
    }
    const out = new PassThrough();
    let said = '';
    const stderr = keep((text) => (said += text));
    this.#exec(packWords(folder, name), out, stderr).then(
      (code) => {
        const failure = tarFailure(code, said, what, 'pack');
        if (failure === undefined) out.end();
        else out.destroy(failure);
      },
      (error: unknown) => out.destroy(error as Error),
    );
    return out;
  }

  async unpack(folder: string, archive: Readable): Promise<void> {
    const what = `${this.prefix}${folder}`;
    if (!this.#options.isRunning) {
      await this.#unpackAtRest(folder, archive);
      return;
    }
    let broken: Error | undefined;
    archive.once('error', (error) => (broken = error));
    // Its end is not the archive's: an archive that breaks must end tar, too.
    const input = new PassThrough();
    archive.pipe(input);
    archive.once('error', () => input.end());
    let said = '';
    const sink = keep((text) => (said += text));
    const script = 'mkdir -p -- "$1" && shift && exec "$@"';
    const words = ['sh', '-c', script, 'sh', folder, ...unpackWords(folder)];
    const code = await this.#exec(words, sink, sink, input);
    if (broken !== undefined) throw broken;
    const failure = tarFailure(code, said, what, 'unpack');
    if (failure !== undefined) throw failure;
  }

  async #exec(
    words: readonly string[],
    stdout: Writable,
    stderr: Writable,
    stdin?: Readable,
  ): Promise<number> {
    const options = { environment: {}, folder: '/', tty: false };
    try {
      const container = await this.#options.container();
      return await execForUser(container, words, { stdin, stdout, stderr }, options);
    } catch (error) {
      throw this.#failed(error);
    }
  }

  async #kindAtRest(path: string, follow: boolean): Promise<FileKind | undefined> {
    const container = await this.#options.container();
    try {
      const head = (await container.infoArchive({ path })) as {
        readonly headers: Readonly<Record<string, string>>;
      };
      const text = head.headers['x-docker-container-path-stat'] ?? '';
      const { mode, linkTarget } = JSON.parse(Buffer.from(text, 'base64').toString()) as {
        readonly mode: number;
        readonly linkTarget: string;
      };
      const bits = BigInt(mode);
      const has = (bit: number): boolean => (bits & BigInt(bit)) !== 0n;
      if (has(goSymlink)) return follow ? await this.#kindAtRest(linkTarget, true) : 'link';
      if (has(goDirectory)) return 'folder';
      return has(otherKinds) ? 'other' : 'file';
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw this.#failed(error);
    }
  }

  /** The engine keeps the owners of an archive: they are taken out. */
  async #unpackAtRest(folder: string, archive: Readable): Promise<void> {
    const container = await this.#options.container();
    try {
      if ((await this.#kindAtRest(folder, true)) === undefined) {
        const one = pack();
        one.entry({ name: posix.basename(folder), type: 'directory', mode: 0o755 });
        one.finalize();
        await container.putArchive(one.pipe(new PassThrough()), { path: posix.dirname(folder) });
      }
      const owned = mapArchive(archive, (header) => ({
        ...header,
        uid: 0,
        gid: 0,
        uname: 'root',
        gname: 'root',
      }));
      await container.putArchive(owned, { path: folder });
    } catch (error) {
      throw this.#failed(error);
    }
  }

  #failed(error: unknown): ClusterError {
    if (error instanceof ClusterError) return error;
    const { node } = this.#options;
    return new ClusterError('E_FAILED', `files of ${node}: ${engineMessage(error)}`, {
      cause: error,
    });
  }
}

/** Text that is short: what goes on is let go. */
function keep(add: (text: string) => void): Writable {
  let size = 0;
  return new Writable({
    write: (data: Buffer, _encoding, done) => {
      size += data.length;
      if (size <= saidMax) add(data.toString());
      done();
    },
  });
}
