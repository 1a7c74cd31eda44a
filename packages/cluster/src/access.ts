// The seam to what a person does on a node: programs, shells, files and logs, whatever the node is made
// of. `corral exec|shell|ssh|cp|logs|env` are written against these interfaces alone.
import type { Readable, Writable } from 'node:stream';
import type { LogLine } from './log-lines.js';

/** What the one who runs a program on a node gives it; a terminal where all three are one. */
export type Ends = {
  /** Undefined: there is nothing to read, as with </dev/null. */
  readonly stdin: Readable | undefined;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Signals to the caller that are meant for the program; gives what ends the listening. */
  readonly onSignal?: ((listener: (signal: NodeJS.Signals) => void) => () => void) | undefined;
};

export type LogQuery = {
  /** With its suffix: `etcd2.service`. */
  readonly unit: string;
  /** ISO 8601; older lines may be left out. */
  readonly since?: string | undefined;
  /** There will be further calls of `more`. */
  readonly follow: boolean;
};

/** The log of one unit of one node, piece by piece. */
export interface LogSource {
  /** There has been such a log. */
  readonly seen: boolean;
  /** Whole lines that came since the last call, oldest first. */
  more(): Promise<readonly LogLine[]>;
  /** A last line without an end: its program is still writing it, or never will. */
  remainder(): readonly LogLine[];
  close(): void;
}

export type FileKind = 'file' | 'folder' | 'link' | 'other';

/** Files of a node, or of this machine. Paths are absolute; they are taken as cp(1) takes them. */
export interface FileSide {
  /** For messages: "n1:", or nothing for this machine. */
  readonly prefix: string;
  /** Undefined where there is nothing. With `follow` of what a link leads to. */
  kindOf(path: string, options: { readonly follow: boolean }): Promise<FileKind | undefined>;
  /**
   * A tar archive of `name` in `folder` (`.` is its content), links as links. The stream fails with
   * ClusterError E_FAILED when something cannot be read.
   */
  pack(folder: string, name: string): Promise<Readable>;
  /** Unpacks a tar archive in `folder`, made where it is not there; modes are kept, owners are not. */
  unpack(folder: string, archive: Readable): Promise<void>;
}

/** How the machine's own ssh reaches a node. */
export type SshTarget = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** A key of the cluster's own, besides those that the user has. */
  readonly identityFile: string | undefined;
  readonly knownHostsFile: string;
  /** The name by which its key is remembered. */
  readonly alias: string;
};

export interface NodeAccess {
  readonly node: string;
  readonly files: FileSide;
  /** Where its log is, for people: a path or a command. */
  readonly logPlace: string;
  /**
   * Runs a program on the node; a terminal where the ends are one. Gives its exit code, or 128 and the
   * number of the signal that ended it, as shells do. Throws ClusterError E_FAILED when the node is
   * down, E_PROGRAM_MISSING or E_PROGRAM_UNFIT.
   */
  run(words: readonly string[], ends: Ends): Promise<number>;
  /** A login shell; its exit code. */
  shell(ends: Ends): Promise<number>;
  /** Units that have a log. */
  loggedUnits(): Promise<readonly string[]>;
  log(query: LogQuery): LogSource;
  /** The end of a unit's log, oldest line first; nothing where there is none. */
  lastLines(unit: string, count: number): Promise<readonly string[]>;
  /** Throws ClusterError E_NODE_LACKS. */
  ssh(): Promise<SshTarget>;
  /** What DOCKER_HOST is for the node's own engine. Throws ClusterError E_NODE_LACKS. */
  dockerHost(): Promise<string>;
}
