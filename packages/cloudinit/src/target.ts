// Where a plan is applied: a folder that stands for a root file system, or the machine itself.
import type { UserConfig } from './config.js';

/** What systemd does for a cloud-config; the embedded supervisor implements it. */
export interface UnitManager {
  daemonReload(): Promise<void>;
  enable(unit: string, options: { readonly runtime: boolean }): Promise<void>;
  /** The result of the unit's job: done, failed, skipped, … Only `done` is success. */
  command(command: string, unit: string): Promise<string>;
}

export interface Target extends UnitManager {
  setHostname(name: string): Promise<void>;
  /** Creates the user, or sets the password of one that exists. */
  ensureUser(user: UserConfig): Promise<'created' | 'exists'>;
  authorizeKeys(user: string, keys: readonly string[]): Promise<void>;
  writeFile(file: {
    readonly path: string;
    readonly bytes: Buffer;
    readonly mode: number;
    readonly owner: string;
  }): Promise<{ readonly problem: string | undefined }>;
  /** Undefined when there is none. */
  readText(path: string): Promise<string | undefined>;
  hostname(): Promise<string>;
  mask(path: string): Promise<void>;
  /** Removes a mask; a unit file with content stays, and the answer says so. */
  unmask(path: string): Promise<'done' | 'refused'>;
}
