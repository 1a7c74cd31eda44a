import { lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyPlan, whyNoKey } from '../src/apply.js';
import { parseUserData } from '../src/config.js';
import { planCloudConfig } from '../src/plan.js';
import { rootTarget } from '../src/root-target.js';
import { temporaryFolder } from './temporary.js';

async function apply(root: string, body: string, sshKeyName?: string): Promise<readonly string[]> {
  const data = parseUserData(`#cloud-config\n${body}`);
  if (data.kind !== 'cloud-config') throw new Error(JSON.stringify(data));
  const target = rootTarget({ root, ...(sshKeyName === undefined ? {} : { sshKeyName }) });
  return (await applyPlan(planCloudConfig(data.config, {}), target)).lines;
}

function lineOf(root: string, path: string, name: string): string | undefined {
  const lines = readFileSync(join(root, path), 'utf8').split('\n');
  return lines.find((line) => line.startsWith(`${name}:`));
}

describe('a new user', () => {
  it('is in passwd, shadow and group, has a group of its own and a home', async () => {
    using folder = temporaryFolder();

    const lines = await apply(
      folder.path,
      'users: [{name: bob, passwd: $6$x, gecos: Bob B, groups: [sudo, docker], shell: /bin/sh}]\n',
    );

    expect(lines).toContain("Creating user 'bob'");
    expect(lineOf(folder.path, 'etc/passwd', 'bob')).toBe(
      'bob:x:1000:1000:Bob B:/home/bob:/bin/sh',
    );
    expect(lineOf(folder.path, 'etc/shadow', 'bob')).toBe('bob:$6$x:15887:0:99999:7:::');
    expect(lineOf(folder.path, 'etc/group', 'bob')).toBe('bob:x:1000:');
    expect(lineOf(folder.path, 'etc/group', 'sudo')).toBe('sudo:x:150:core,bob');
    expect(lineOf(folder.path, 'etc/group', 'docker')).toBe('docker:x:233:core,bob');
    expect(lineOf(folder.path, 'etc/passwd', 'core')).toBe('core:x:500:500::/home/core:/bin/bash');
    expect(lstatSync(join(folder.path, 'home/bob')).isDirectory()).toBe(true);
    expect(lstatSync(join(folder.path, 'etc/shadow')).mode & 0o777).toBe(0o600);
  });

  it('of the system, without home and with a primary group', async () => {
    using folder = temporaryFolder();

    await apply(
      folder.path,
      'users: [{name: d, system: yes, no-create-home: on, primary-group: wheel, homedir: /var/../d}]\n',
    );

    expect(lineOf(folder.path, 'etc/passwd', 'd')).toBe('d:x:100:10::/d:/bin/bash');
    expect(lineOf(folder.path, 'etc/shadow', 'd')).toMatch(/^d:\*:/);
    expect(() => lstatSync(join(folder.path, 'd'))).toThrow(/ENOENT/);
  });

  it.each([
    ['{name: b, groups: [nope]}', "line 2: Failed creating user 'b': group 'nope' does not exist"],
    ['{name: "a:0"}', "line 2: Failed creating user 'a:0': invalid user name 'a:0'"],
    ['{name: ../b}', "line 2: Failed creating user '../b': invalid user name '../b'"],
    [
      '{name: b, gecos: "x:0:0"}',
      'line 2: Failed creating user \'b\': invalid gecos: it has a ":" or a line end',
    ],
    [
      '{name: b, passwd: "x\\nroot::"}',
      'line 2: Failed creating user \'b\': invalid passwd: it has a ":" or a line end',
    ],
  ])('%s is refused', async (user, message) => {
    using folder = temporaryFolder();

    await expect(apply(folder.path, `users: [${user}]\n`)).rejects.toMatchObject({
      code: 'E_APPLY',
      message,
    });
  });
});

describe('a user that exists', () => {
  it('gets a new password and keys, and nothing else', async () => {
    using folder = temporaryFolder();

    const lines = await apply(
      folder.path,
      'users: [{name: core, passwd: HASH, shell: /bin/no, ssh-authorized-keys: [k1, " k2 "]}]\n',
    );

    expect(lines).toContain("User 'core' exists, ignoring creation-time fields");
    expect(lineOf(folder.path, 'etc/shadow', 'core')).toMatch(/^core:HASH:/);
    expect(readFileSync(join(folder.path, 'home/core/.ssh/authorized_keys'), 'utf8')).toBe(
      'k1\nk2\n',
    );
  });
});

describe('SSH keys', () => {
  it('of one name are replaced, and the file holds the sets of all names', async () => {
    using folder = temporaryFolder();
    const keys = 'home/core/.ssh/authorized_keys.d';
    mkdirSync(join(folder.path, keys), { recursive: true });
    writeFileSync(join(folder.path, keys, 'admin'), 'a1\n');

    await apply(folder.path, 'ssh_authorized_keys: [b1]\n', 'mine');
    await apply(folder.path, 'ssh_authorized_keys: [b2]\n', 'mine');

    expect(readFileSync(join(folder.path, keys, '../authorized_keys'), 'utf8')).toBe('a1\nb2\n');
    expect(lstatSync(join(folder.path, keys, '../authorized_keys')).mode & 0o777).toBe(0o600);
  });

  it('have a name that is a file name', () => {
    using folder = temporaryFolder();

    expect(() => rootTarget({ root: folder.path, sshKeyName: '../x' })).toThrow(
      expect.objectContaining({ code: 'E_APPLY' }),
    );
  });

  it.each([
    ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDx0', undefined],
    ['ssh-rsa 121313dqx1e123e12… user@my_mac', '"121313dqx1e123e12…" is not base64'],
    ['hello', '"hello" is no key type'],
    ['ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIDx0', 'its data do not begin with its type'],
  ])('%s is judged: %s', (key, why) => {
    expect(whyNoKey(key)).toBe(why);
  });
});
