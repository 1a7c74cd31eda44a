// The machine itself as the target: its files, its user tools, its systemd. What the original does
// over D-Bus is asked of systemctl(1), which speaks the same to the manager. Every call is one
// program that is waited for, since a node applies its config at each boot.
import { execFile } from 'node:child_process';
import { hostname } from 'node:os';
import { UnitError } from '@corral/units';
import type { UserConfig } from './config.js';
import { CloudinitError } from './findings.js';
import { rootTarget } from './root-target.js';
import type { Target, UnitManager } from './target.js';

export type Finished = {
  /** 127 when there is no such program. */
  readonly code: number;
  readonly output: string;
};

/** Runs one program to its end, with `input` on its stdin; stdout and stderr are one text. */
export type Run = (
  program: string,
  words: readonly string[],
  options?: { readonly input?: string },
) => Promise<Finished>;

export type MachineTargetOptions = {
  readonly sshKeyName?: string;
  readonly run?: Run;
  /** The root of the machine; another folder in tests. */
  readonly root?: string;
  /** What the kernel calls this machine now. */
  readonly hostname?: () => string;
};

/** Throws CloudinitError E_APPLY when the name of the keys is unusable. */
export function machineTarget(options: MachineTargetOptions): Target {
  const { run = runProgram, root = '/', hostname: hostnameNow = hostname } = options;
  const { sshKeyName } = options;
  const files = rootTarget({
    root,
    units: systemctlUnits(run),
    ...(sshKeyName === undefined ? {} : { sshKeyName }),
  });
  return {
    ...files,
    async setHostname(name) {
      // In a container the engine has set it already, and no one may set it through systemd.
      if (hostnameNow() !== name) {
        const { code, output } = await run('hostname', ['--', name]);
        if (code !== 0) throw failed(`setting the host name to ${name}`, output);
      }
      await files.setHostname(name);
    },
    hostname: () => Promise.resolve(hostnameNow()),
    ensureUser: (user) => ensureUser(user, run),
  };
}

/** systemctl(1) as the manager of units. */
export function systemctlUnits(run: Run): UnitManager {
  return {
    async daemonReload() {
      const { code, output } = await run('systemctl', ['daemon-reload']);
      if (code !== 0) throw failed('systemd daemon-reload', output);
    },
    async enable(unit, { runtime }) {
      // As EnableUnitFiles: links only, replacing others; the reload comes once, at the end.
      const flags = ['--no-reload', '--quiet', '--force', ...(runtime ? ['--runtime'] : [])];
      const { code, output } = await run('systemctl', [...flags, 'enable', '--', unit]);
      if (code !== 0) throw new UnitError('E_UNIT_FILE', lastLine(output));
    },
    async command(command, unit) {
      const { code, output } = await run('systemctl', [command, '--', unit]);
      return code === 0 ? 'done' : jobResult(command, unit, output);
    },
  };
}

/**
 * The result of a job from systemctl's words (systemctl.c, bus-wait-for-jobs.c). What is no result
 * but a refusal of the manager (no such unit, a masked one) ends the run, as in the original.
 */
function jobResult(command: string, unit: string, output: string): string {
  if (/^Job for .* (failed|.*core dump)/m.test(output)) return 'failed';
  if (/dependency job for/i.test(output)) return 'dependency';
  if (/^Job for .* canceled/m.test(output)) return 'canceled';
  if (/^Job for .* timed out/m.test(output)) return 'timeout';
  if (/is not active, cannot/.test(output)) return 'failed';
  throw failed(`"${command}" on "${unit}"`, output);
}

/** useradd(8), and chpasswd(8) for one that exists; the order of the words is the original's. */
async function ensureUser(user: UserConfig, run: Run): Promise<'created' | 'exists'> {
  const exists = (await run('id', ['-u', '--', user.name])).code === 0;
  if (exists) {
    if (user.passwd === '') return 'exists';
    const input = `${user.name}:${user.passwd}`;
    const { code, output } = await run('/usr/sbin/chpasswd', ['-e'], { input });
    if (code !== 0) throw failed(`setting the password of user '${user.name}'`, output);
    return 'exists';
  }
  const words = ['--password', user.passwd === '' ? '*' : user.passwd];
  if (user.gecos !== '') words.push('--comment', user.gecos);
  if (user.homedir !== '') words.push('--home-dir', user.homedir);
  words.push(user.noCreateHome ? '--no-create-home' : '--create-home');
  if (user.primaryGroup !== '') words.push('--gid', user.primaryGroup);
  if (user.groups.length > 0) words.push('--groups', user.groups.join(','));
  if (user.noUserGroup) words.push('--no-user-group');
  if (user.system) words.push('--system');
  if (user.noLogInit) words.push('--no-log-init');
  words.push('--shell', user.shell === '' ? '/bin/bash' : user.shell);
  const { code, output } = await run('/usr/sbin/useradd', [...words, '--', user.name]);
  if (code !== 0) throw failed(`line ${user.line}: creating user '${user.name}'`, output);
  return 'created';
}

function failed(what: string, output: string): CloudinitError {
  return new CloudinitError('E_APPLY', `${what} failed: ${lastLine(output)}`);
}

function lastLine(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return lines.at(-1)?.trim() ?? 'no reason given';
}

function runProgram(
  program: string,
  words: readonly string[],
  options: { readonly input?: string } = {},
): Promise<Finished> {
  return new Promise((resolve) => {
    const child = execFile(program, words, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 127;
      const output = `${stdout}${stderr}`;
      resolve({ code, output: output === '' && error !== null ? error.message : output });
    });
    // A program that ends without reading is no trouble of ours.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}
