// Carries a plan out on a target, in order. The first failure ends it; what is only a nuisance is
// reported and does not.
import { errorMessage } from '@corral/kit';
import type { Logger } from '@corral/kit';
import { UnitError } from '@corral/units';
import { CloudinitError } from './findings.js';
import type { Step } from './plan.js';
import type { Target } from './target.js';

export type ApplyReport = {
  /** One line per thing done, in the original's words. */
  readonly lines: readonly string[];
  /** What did not work and did not stop the run. */
  readonly problems: readonly string[];
};

/** Rejects with CloudinitError E_APPLY naming the step. */
export async function applyPlan(
  steps: readonly Step[],
  target: Target,
  options: {
    readonly logger?: Logger;
    readonly signal?: AbortSignal;
    /** Each line and each problem when it happens: a unit's start can take long. */
    readonly onLine?: (line: string) => void;
    readonly onProblem?: (problem: string) => void;
  } = {},
): Promise<ApplyReport> {
  const lines: string[] = [];
  const problems: string[] = [];
  for (const step of steps) {
    options.signal?.throwIfAborted();
    const seen = { lines: lines.length, problems: problems.length };
    try {
      if (step.kind === 'unit-command') {
        // Said before, since it may take long; the quote at its end is the original's.
        options.onLine?.(`Calling unit command "${step.command}" on "${step.unit}"'`);
      }
      await applyStep(step, target, lines, problems);
      for (const line of lines.slice(seen.lines)) options.onLine?.(line);
      for (const problem of problems.slice(seen.problems)) options.onProblem?.(problem);
    } catch (error) {
      if (error instanceof CloudinitError) throw error;
      throw new CloudinitError('E_APPLY', `${describe(step)} failed: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  }
  for (const problem of problems) options.logger?.warn(problem);
  return { lines, problems };
}

async function applyStep(
  step: Step,
  target: Target,
  lines: string[],
  problems: string[],
): Promise<void> {
  switch (step.kind) {
    case 'note':
      lines.push(step.text);
      break;
    case 'hostname':
      await target.setHostname(step.name);
      lines.push(`Set hostname to ${step.name}`);
      break;
    case 'user':
      lines.push(
        (await target.ensureUser(step.user)) === 'created'
          ? `Creating user '${step.user.name}'`
          : `User '${step.user.name}' exists, ignoring creation-time fields`,
      );
      break;
    case 'ssh-keys':
      for (const key of step.keys) {
        const why = whyNoKey(key);
        if (why !== undefined) problems.push(`SSH key of user ${step.user} is not valid: ${why}`);
      }
      await target.authorizeKeys(step.user, step.keys);
      lines.push(`Authorized SSH keys for ${step.user} user`);
      break;
    case 'file': {
      const { problem } = await target.writeFile(step);
      if (problem !== undefined) problems.push(`${step.path}: ${problem}`);
      lines.push(`Wrote file ${step.path} to filesystem`);
      break;
    }
    case 'update-conf':
      if (!(await writeUpdateConf(step.values, target))) {
        problems.push('no update.conf to start from; /etc/coreos/update.conf begins empty');
      }
      lines.push('Wrote file /etc/coreos/update.conf to filesystem');
      break;
    case 'etc-hosts': {
      const bytes = Buffer.from(`127.0.0.1 ${await target.hostname()}\n`);
      await target.writeFile({ path: '/etc/hosts', bytes, mode: 0o644, owner: '' });
      lines.push('Wrote file /etc/hosts to filesystem');
      break;
    }
    case 'environment':
      if (await writeEnvironment(step.values, target)) lines.push('Updated /etc/environment');
      break;
    case 'mask':
      await target.mask(step.path);
      lines.push(`Masking unit file "${step.unit}"`);
      break;
    case 'unmask':
      if ((await target.unmask(step.path)) === 'refused') {
        lines.push(`${step.path} is not null or empty, refusing to unmask`);
      }
      break;
    case 'enable':
      try {
        await target.enable(step.unit, { runtime: step.runtime });
        lines.push(`Enabled unit "${step.unit}"`);
      } catch (error) {
        // A unit's text is its author's business; the rest of the node still boots.
        if (!(error instanceof UnitError)) throw error;
        problems.push(`${step.unit} is not enabled: ${error.message}`);
      }
      break;
    case 'daemon-reload':
      await target.daemonReload();
      break;
    case 'unit-command': {
      const result = await target.command(step.command, step.unit);
      lines.push(`Result of "${step.command}" on "${step.unit}": ${result}`);
      break;
    }
    default:
      step satisfies never;
  }
}

/** Why a line is no OpenSSH public key; undefined when it is one. */
export function whyNoKey(key: string): string | undefined {
  const [type = '', data = ''] = key.trim().split(/\s+/);
  if (!/^(ssh-(rsa|dss|ed25519)|ecdsa-sha2-nistp\d+|sk-.*)$/.test(type)) {
    return `"${type}" is no key type`;
  }
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(data)) return `"${data.slice(0, 40)}" is not base64`;
  const bytes = Buffer.from(data, 'base64');
  const length = bytes.length >= 4 ? bytes.readUInt32BE(0) : -1;
  const inner = bytes.toString('latin1', 4, 4 + Math.max(0, length));
  return inner === type ? undefined : 'its data do not begin with its type';
}

/** False when there was no text to start from. */
async function writeUpdateConf(
  values: readonly (readonly [string, string])[],
  target: Target,
): Promise<boolean> {
  const path = '/etc/coreos/update.conf';
  const start =
    (await target.readText(path)) ?? (await target.readText('/usr/share/coreos/update.conf'));
  // The original gives up without a text to start from; a bare root has none.
  const lines = (start ?? '')
    .split('\n')
    .filter((line, i, all) => line !== '' || i < all.length - 1);
  const open = new Map(values);
  const changed = lines.map((line) => {
    for (const [name, value] of open) {
      if (!line.startsWith(name)) continue;
      open.delete(name);
      return `${name}=${value}`;
    }
    return line;
  });
  for (const [name, value] of open) changed.push(`${name}=${value}`);
  const bytes = Buffer.from(changed.map((line) => `${line}\n`).join(''));
  await target.writeFile({ path, bytes, mode: 0o644, owner: '' });
  return start !== undefined;
}

/** True when something changed. */
async function writeEnvironment(
  values: readonly (readonly [string, string])[],
  target: Target,
): Promise<boolean> {
  const path = '/etc/environment';
  const before = ((await target.readText(path)) ?? '').replaceAll('\r\n', '\n');
  const lines = before.split('\n').filter((line, i, all) => line !== '' || i < all.length - 1);
  const added: string[] = [];
  for (const [name, value] of values) {
    const at = lines.findIndex((line) => line.startsWith(`${name}=`));
    if (at >= 0) lines[at] = `${name}=${value}`;
    else added.push(`${name}=${value}`);
  }
  const after = [...lines, ...added.sort()].map((line) => `${line}\n`).join('');
  if (after === before) return false;
  await target.writeFile({ path, bytes: Buffer.from(after), mode: 0o644, owner: '' });
  return true;
}

function describe(step: Step): string {
  if (step.kind === 'file') return `writing ${step.path}`;
  if (step.kind === 'unit-command') return `"${step.command}" on "${step.unit}"`;
  return step.kind;
}
