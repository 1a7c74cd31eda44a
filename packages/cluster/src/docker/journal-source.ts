// The journal of a container as log lines. One that runs is asked inside; of one that does not run the
// journal is read by a container of the same image that is there for it alone.
import { PassThrough, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type Docker from 'dockerode';
import { systemClock } from '@corral/kit';
import type { LogQuery, LogSource } from '../access.js';
import type { LogLine } from '../log-lines.js';
import { ClusterError } from '../errors.js';
import { engineMessage, statusOf } from './engine.js';
import { readEntries } from './journal.js';
import type { JournalEntry } from './journal.js';
import { demultiplex, execForUser } from './user-exec.js';

export type JournalOptions = {
  readonly node: string;
  readonly isRunning: boolean;
  readonly container: () => Promise<Docker.Container>;
  readonly docker: () => Promise<Docker>;
  /** Of the container that reads for one that does not run: whose it is, should it be left behind. */
  readonly labels: Readonly<Record<string, string>>;
};

/** -a: journalctl leaves out long fields of JSON otherwise. (journalctl(1), --output=json) */
const asJson = ['-q', '-a', '--no-pager', '-o', 'json'];
/** Ends journalctl when whoever reads it is gone, however it went: its input ends then. */
const whileRead = 'journalctl "$@" & journal=$!; cat >/dev/null; kill "$journal"';
const retryMs = 500;
const journalFolder = '/var/log/journal';

export class Journal {
  readonly #options: JournalOptions;

  constructor(options: JournalOptions) {
    this.#options = options;
  }

  open(query: LogQuery): LogSource {
    const words = ['-u', query.unit, ...sinceWords(query.since)];
    const hasAny = async (): Promise<boolean> =>
      (await this.#entries(['-u', query.unit, '-n', '1'])).length > 0;
    return query.follow
      ? new FollowedJournal(this.#options, words, () => this.#entries(words))
      : new WholeJournal(() => this.#entries(words), hasAny);
  }

  async lastLines(unit: string, count: number): Promise<readonly string[]> {
    const entries = await this.#entries(['-u', unit, '-n', String(count)]);
    return entries.map(({ text }) => text);
  }

  /** Not its scopes and slices, which have no programs of their own. */
  async units(): Promise<readonly string[]> {
    const text = await this.#read(['-q', '--no-pager', '-F', '_SYSTEMD_UNIT']);
    return text.split('\n').filter((name) => /\.(?!scope$|slice$)[a-z]+$/.test(name));
  }

  async #entries(words: readonly string[]): Promise<readonly JournalEntry[]> {
    const text = await this.#read([...asJson, ...words]);
    return readEntries(text, this.#options.node);
  }

  async #read(words: readonly string[]): Promise<string> {
    const { node, isRunning } = this.#options;
    const [out, err] = [new Collector(), new Collector()];
    try {
      if (!isRunning) return await this.#readAtRest(words);
      const ends = { stdin: undefined, stdout: out, stderr: err };
      const options = { environment: {}, folder: '/', tty: false };
      await execForUser(await this.#options.container(), ['journalctl', ...words], ends, options);
      return out.text();
    } catch (error) {
      if (error instanceof ClusterError) throw error;
      throw new ClusterError('E_FAILED', `the journal of ${node}: ${engineMessage(error)}`, {
        cause: error,
      });
    }
  }

  async #readAtRest(words: readonly string[]): Promise<string> {
    const docker = await this.#options.docker();
    const container = await this.#options.container();
    const { Image: image } = await container.inspect();
    const archive = await container.getArchive({ path: journalFolder }).catch((error: unknown) => {
      if (statusOf(error) === 404) return undefined;
      throw error;
    });
    if (archive === undefined) return '';
    const reader = await docker.createContainer({
      Image: image,
      Entrypoint: ['journalctl', '-D', '/journal'],
      Cmd: [...words],
      Labels: this.#options.labels,
      NetworkDisabled: true,
    });
    try {
      await reader.putArchive(archive, { path: '/' });
      const stream = await reader.attach({ stream: true, stdout: true, stderr: true });
      const [out, err] = [new Collector(), new Collector()];
      const read = demultiplex(stream, out, err);
      await reader.start();
      await read;
      return out.text();
    } finally {
      await reader.remove({ force: true, v: true });
    }
  }
}

class WholeJournal implements LogSource {
  readonly #read: () => Promise<readonly JournalEntry[]>;
  readonly #hasAny: () => Promise<boolean>;
  #isRead = false;
  #seen = false;

  constructor(read: () => Promise<readonly JournalEntry[]>, hasAny: () => Promise<boolean>) {
    this.#read = read;
    this.#hasAny = hasAny;
  }

  get seen(): boolean {
    return this.#seen;
  }

  async more(): Promise<readonly LogLine[]> {
    if (this.#isRead) return [];
    this.#isRead = true;
    const entries = await this.#read();
    this.#seen = entries.length > 0 || (await this.#hasAny());
    return entries;
  }

  remainder(): readonly LogLine[] {
    return [];
  }

  close(): void {
    this.#isRead = true;
  }
}

/** Goes on where it was when the node comes back. */
class FollowedJournal implements LogSource {
  readonly #options: JournalOptions;
  readonly #words: readonly string[];
  readonly #atRest: () => Promise<readonly JournalEntry[]>;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  #lines: JournalEntry[] = [];
  #cursor: string | undefined;
  #seen = false;
  #isClosed = false;
  /** Ends the reading inside; undefined while nothing is read. */
  #input: PassThrough | undefined;
  #nextTry = -Infinity;

  constructor(
    options: JournalOptions,
    words: readonly string[],
    atRest: () => Promise<readonly JournalEntry[]>,
  ) {
    this.#options = options;
    this.#words = words;
    this.#atRest = atRest;
  }

  get seen(): boolean {
    return this.#seen;
  }

  async more(): Promise<readonly LogLine[]> {
    await this.#goOn();
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  remainder(): readonly LogLine[] {
    return [];
  }

  close(): void {
    this.#isClosed = true;
    this.#input?.end();
  }

  async #goOn(): Promise<void> {
    if (this.#isClosed || this.#input !== undefined || systemClock.now() < this.#nextTry) return;
    const isFirst = this.#nextTry === -Infinity;
    this.#nextTry = systemClock.now() + retryMs;
    const container = await this.#options.container();
    const { State: state } = await container.inspect();
    if (!state.Running || state.Paused) {
      // What there is, once; its next life is waited for.
      if (isFirst) this.#take(await this.#atRest());
      return;
    }
    const before = isFirst ? await this.#atRest() : [];
    this.#take(before);
    this.#follow(container);
  }

  #follow(container: Docker.Container): void {
    const input = new PassThrough();
    this.#input = input;
    const from = this.#cursor === undefined ? this.#words : this.#words.slice(0, 2);
    const after = this.#cursor === undefined ? ['-n', 'all'] : [`--after-cursor=${this.#cursor}`];
    const words = [...asJson, '-f', ...from, ...after];
    const sink = new Writable({
      write: (data: Buffer, _encoding, done) => {
        const lines = (this.#rest + this.#decoder.write(data)).split('\n');
        this.#rest = lines.pop() ?? '';
        this.#take(readEntries(lines.join('\n'), this.#options.node));
        done();
      },
    });
    const ends = { stdin: input, stdout: sink, stderr: new Collector() };
    const options = { environment: {}, folder: '/', tty: false };
    const line = ['sh', '-c', whileRead, 'sh', ...words];
    const over = (): void => {
      input.end();
      this.#rest = '';
      this.#input = undefined;
      this.#nextTry = systemClock.now() + retryMs;
    };
    execForUser(container, line, ends, options).then(over, over);
  }

  #take(entries: readonly JournalEntry[]): void {
    this.#lines.push(...entries);
    this.#cursor = entries.at(-1)?.cursor ?? this.#cursor;
    this.#seen ||= entries.length > 0;
  }
}

class Collector extends Writable {
  readonly #chunks: Buffer[] = [];

  override _write(data: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#chunks.push(data);
    done();
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}

/** (systemd.time(7): `@` and seconds) */
function sinceWords(since: string | undefined): readonly string[] {
  return since === undefined ? [] : [`--since=@${Math.floor(Date.parse(since) / 1000)}`];
}
