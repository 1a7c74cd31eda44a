// The machine as a target, with a folder for its files and a list for the programs that are run.
import { chmodSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyPlan } from '../src/apply.js';
import type { ApplyReport } from '../src/apply.js';
import { parseUserData } from '../src/config.js';
import { machineTarget } from '../src/machine-target.js';
import type { Finished } from '../src/machine-target.js';
import { planCloudConfig } from '../src/plan.js';
import { temporaryFolder } from './temporary.js';

type Applied = {
  readonly ran: readonly string[];
  readonly inputs: readonly (string | undefined)[];
  readonly report: ApplyReport | undefined;
  readonly error: string | undefined;
  readonly said: readonly string[];
};

/** Applies `body`; `answers` are by the beginning of a command line, the rest succeeds. */
async function apply(
  root: string,
  body: string,
  answers: Readonly<Record<string, Finished>> = {},
): Promise<Applied> {
  const data = parseUserData(`#cloud-config\n${body}`);
  if (data.kind !== 'cloud-config') throw new Error(JSON.stringify(data));
  const ran: string[] = [];
  const inputs: (string | undefined)[] = [];
  const said: string[] = [];
  const target = machineTarget({
    root,
    hostname: () => 'now',
    run: (program, words, options) => {
      const line = [program, ...words].join(' ');
      ran.push(line);
      inputs.push(options?.input);
      const key = Object.keys(answers).find((one) => line.startsWith(one));
      return Promise.resolve(answers[key ?? ''] ?? { code: 0, output: '' });
    },
  });
  let report: ApplyReport | undefined;
  let error: string | undefined;
  try {
    const steps = planCloudConfig(data.config, {});
    report = await applyPlan(steps, target, { onLine: (line) => said.push(line) });
  } catch (caught) {
    error = (caught as Error).message;
  }
  return { ran, inputs, report, error, said };
}

const start = (unit: string): string => `coreos: {units: [{name: ${unit}, command: start}]}\n`;

describe('the host name', () => {
  it('is set in the kernel and kept in /etc/hostname', async () => {
    using folder = temporaryFolder();

    const { ran } = await apply(folder.path, 'hostname: core-01\n');

    expect(ran).toEqual(['hostname -- core-01']);
    expect(readFileSync(join(folder.path, 'etc/hostname'), 'utf8')).toBe('core-01\n');
  });

  it('that the kernel has already is not set again: in a container nobody may', async () => {
    using folder = temporaryFolder();

    const { ran, report } = await apply(folder.path, 'hostname: now\n');

    expect(ran).toEqual([]);
    expect(report?.lines).toEqual(['Set hostname to now']);
  });

  it('that the kernel refuses ends the run', async () => {
    using folder = temporaryFolder();
    const refused = { code: 1, output: 'hostname: you must be root\n' };

    const { error } = await apply(folder.path, 'hostname: n\nwrite_files: [{path: /a}]\n', {
      hostname: refused,
    });

    expect(error).toBe('setting the host name to n failed: hostname: you must be root');
  });
});

describe('units', () => {
  it('are enabled without a reload, reloaded once, then started in their order', async () => {
    using folder = temporaryFolder();
    const units =
      'coreos:\n  units:\n' +
      '    - {name: a.service, enable: true, content: "[Service]", command: start}\n' +
      '    - {name: b.socket, enable: true, runtime: true, command: restart}\n';

    const { ran, said } = await apply(folder.path, units);

    expect(ran).toEqual([
      'systemctl --no-reload --quiet --force enable -- a.service',
      'systemctl --no-reload --quiet --force --runtime enable -- b.socket',
      'systemctl daemon-reload',
      'systemctl start -- a.service',
      'systemctl restart -- b.socket',
    ]);
    expect(said.slice(-4)).toEqual([
      `Calling unit command "start" on "a.service"'`,
      'Result of "start" on "a.service": done',
      `Calling unit command "restart" on "b.socket"'`,
      'Result of "restart" on "b.socket": done',
    ]);
  });

  it.each([
    ['failed', 'Job for a.service failed because the control process exited with error code.\n'],
    ['dependency', "A dependency job for a.service failed. See 'journalctl -xe' for details.\n"],
    ['canceled', 'Job for a.service canceled.\n'],
    ['timeout', 'Job for a.service timed out.\n'],
  ])('whose job ends with %s do not end the run', async (result, output) => {
    using folder = temporaryFolder();
    const body =
      'coreos: {units: [{name: a.service, command: start}, {name: b.service, command: start}]}\n';

    const { report } = await apply(folder.path, body, {
      'systemctl start -- a.service': { code: 1, output },
    });

    expect(report?.lines).toEqual([
      `Result of "start" on "a.service": ${result}`,
      'Result of "start" on "b.service": done',
    ]);
  });

  it.each([
    [5, 'Failed to start a.service: Unit a.service not found.\n'],
    [1, 'Failed to start a.service: Unit a.service is masked.\n'],
  ])('that cannot be asked for end it, as in the original (exit code %d)', async (code, output) => {
    using folder = temporaryFolder();

    const { error } = await apply(folder.path, start('a.service'), {
      'systemctl start': { code, output },
    });

    expect(error).toBe(`"start" on "a.service" failed: ${output.trim()}`);
  });

  it('that cannot be enabled are a problem and no more', async () => {
    using folder = temporaryFolder();
    const output = 'Failed to enable unit: Unit file a.service does not exist.\n';

    const { report } = await apply(
      folder.path,
      'coreos: {units: [{name: a.service, enable: true}]}\n',
      { 'systemctl --no-reload': { code: 1, output } },
    );

    expect(report?.problems).toEqual([`a.service is not enabled: ${output.trim()}`]);
  });
});

describe('users', () => {
  const everything =
    'users:\n  - name: elroy\n    passwd: $6$x\n    gecos: Elroy J\n    homedir: /home/e\n' +
    '    no_create_home: true\n    primary_group: users\n    groups: [sudo, docker]\n' +
    '    no_user_group: true\n    system: true\n    no_log_init: true\n    shell: /bin/sh\n';

  it("are made by useradd, with the original's words in its order", async () => {
    using folder = temporaryFolder();

    const { ran } = await apply(folder.path, everything, { 'id -u': { code: 1, output: '' } });

    expect(ran).toEqual([
      'id -u -- elroy',
      '/usr/sbin/useradd --password $6$x --comment Elroy J --home-dir /home/e --no-create-home ' +
        '--gid users --groups sudo,docker --no-user-group --system --no-log-init ' +
        '--shell /bin/sh -- elroy',
    ]);
  });

  it('that exist get their password, on stdin, and nothing else', async () => {
    using folder = temporaryFolder();

    const { ran, inputs, report } = await apply(folder.path, everything);

    expect(ran).toEqual(['id -u -- elroy', '/usr/sbin/chpasswd -e']);
    expect(inputs[1]).toBe('elroy:$6$x');
    expect(report?.lines).toEqual(["User 'elroy' exists, ignoring creation-time fields"]);
  });

  it('that cannot be made end the run with the reason and the line', async () => {
    using folder = temporaryFolder();
    const output = "useradd: group 'no' does not exist\n";

    const { error } = await apply(folder.path, 'users: [{name: e, groups: [no]}]\n', {
      'id -u': { code: 1, output: '' },
      '/usr/sbin/useradd': { code: 6, output },
    });

    expect(error).toBe(`line 2: creating user 'e' failed: ${output.trim()}`);
  });

  it.runIf(process.getuid?.() === 0)('own the keys that are put into their home', async () => {
    using folder = temporaryFolder();
    const passwd = join(folder.path, 'etc/passwd');
    mkdirSync(dirname(passwd), { recursive: true });
    writeFileSync(passwd, 'core:x:500:501::/home/core:/bin/bash\n');
    chmodSync(folder.path, 0o755);

    await apply(folder.path, 'ssh_authorized_keys: [ssh-rsa x]\n');

    for (const path of ['.ssh', '.ssh/authorized_keys', '.ssh/authorized_keys.d']) {
      const { uid, gid } = lstatSync(join(folder.path, 'home/core', path));
      expect([path, uid, gid]).toEqual([path, 500, 501]);
    }
  });
});
