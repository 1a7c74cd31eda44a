import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyPlan } from '../src/apply.js';
import { parseUserData } from '../src/config.js';
import { planCloudConfig } from '../src/plan.js';
import { rootTarget } from '../src/root-target.js';
import { temporaryFolder, treeText } from './temporary.js';

async function apply(
  root: string,
  body: string,
  addresses = {},
): Promise<{ readonly lines: readonly string[]; readonly problems: readonly string[] }> {
  const data = parseUserData(`#cloud-config\n${body}`);
  if (data.kind !== 'cloud-config') throw new Error(JSON.stringify(data));
  return applyPlan(planCloudConfig(data.config, addresses), rootTarget({ root }));
}

function put(root: string, path: string, text: string): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
}

describe('what is written never leaves the root', () => {
  it('when a folder on the way is a link that leads out', async () => {
    using outside = temporaryFolder();
    using folder = temporaryFolder();
    symlinkSync(outside.path, join(folder.path, 'absolute'));
    symlinkSync(relative(folder.path, outside.path), join(folder.path, 'relative'));

    await apply(folder.path, 'write_files: [{path: /absolute/a}, {path: /relative/b}]\n');

    expect(readdirSync(outside.path)).toEqual([]);
    expect(treeText(folder.path)).toContain('/a 644');
    expect(treeText(folder.path)).toContain('/b 644');
  });

  it('when the file itself is a link: it is replaced', async () => {
    using outside = temporaryFolder();
    using folder = temporaryFolder();
    put(outside.path, 'secret', 'old\n');
    symlinkSync(join(outside.path, 'secret'), join(folder.path, 'a'));

    await apply(folder.path, 'write_files: [{path: /a, content: new}]\n');

    expect(readFileSync(join(outside.path, 'secret'), 'utf8')).toBe('old\n');
    expect(readFileSync(join(folder.path, 'a'), 'utf8')).toBe('new');
  });

  it('when a mask made the link', async () => {
    using folder = temporaryFolder();
    await apply(folder.path, 'coreos: {units: [{name: a.service, mask: true}]}\n');

    const second = apply(folder.path, 'write_files: [{path: /etc/systemd/system/a.service/x}]\n');

    await second;
    expect(existsSync('/dev/null/x')).toBe(false);
    expect(treeText(folder.path)).toContain('== /dev/null/x 644');
  });

  it.each(['/../../x', '../x', '/a/../../x'])('when the path is %s', async (path) => {
    using folder = temporaryFolder();
    const root = join(folder.path, 'inner/root');

    await apply(root, `write_files: [{path: "${path}"}]\n`);

    expect(treeText(folder.path)).toBe('== /inner/root/x 644\n');
  });

  it('when a unit asks for a link elsewhere', async () => {
    using folder = temporaryFolder();
    const root = join(folder.path, 'root');
    const wanted = `${'../'.repeat(12)}${folder.path}/evil`;

    await apply(
      root,
      'coreos:\n  units:\n    - name: a.service\n      enable: true\n      content: |\n' +
        `        [Install]\n        WantedBy=${wanted} ok.target\n`,
    );

    expect(readdirSync(folder.path)).toEqual(['root']);
    expect(treeText(root)).toContain(
      '== /etc/systemd/system/ok.target.wants/a.service -> /etc/systemd/system/a.service',
    );
  });

  it('when a table that is read is a link that leads out', async () => {
    using outside = temporaryFolder();
    using folder = temporaryFolder();
    put(outside.path, 'passwd', 'evil:x:0:0::/:/bin/sh\n');
    mkdirSync(join(folder.path, 'etc'));
    symlinkSync(join(outside.path, 'passwd'), join(folder.path, 'etc/passwd'));

    await apply(folder.path, 'users: [{name: bob}]\n');

    expect(readFileSync(join(folder.path, 'etc/passwd'), 'utf8')).not.toContain('evil');
  });

  it('and a link that goes round in circles is an error', async () => {
    using folder = temporaryFolder();
    symlinkSync('b', join(folder.path, 'a'));
    symlinkSync('a', join(folder.path, 'b'));

    await expect(apply(folder.path, 'write_files: [{path: /a/x}]\n')).rejects.toMatchObject({
      code: 'E_APPLY',
      message: expect.stringContaining('more than 40 symbolic links') as string,
    });
  });

  it('but links of the root itself work, as in a merged /usr', async () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, 'usr/lib'), { recursive: true });
    symlinkSync('usr/lib', join(folder.path, 'lib'));
    symlinkSync('/run', join(folder.path, 'usr/run'));

    await apply(folder.path, 'write_files: [{path: /lib/a}, {path: /usr/run/b}]\n');

    expect(existsSync(join(folder.path, 'usr/lib/a'))).toBe(true);
    expect(existsSync(join(folder.path, 'run/b'))).toBe(true);
  });
});

describe('a file', () => {
  it('gets its bytes and its mode whatever the umask is', async () => {
    using folder = temporaryFolder();
    const before = process.umask(0o077);

    await apply(
      folder.path,
      'write_files:\n  - {path: /d/a, permissions: 0777, content: !!binary /wCA, owner: root}\n',
    );

    process.umask(before);
    expect(readFileSync(join(folder.path, 'd/a'))).toEqual(Buffer.from([0xff, 0x00, 0x80]));
    expect(lstatSync(join(folder.path, 'd/a')).mode & 0o7777).toBe(0o777);
    expect(lstatSync(join(folder.path, 'd')).mode & 0o7777).toBe(0o755);
  });

  it('keeps its owner with a report when the name is not known below the root', async () => {
    using folder = temporaryFolder();

    const { problems } = await apply(
      folder.path,
      'write_files: [{path: /a, owner: nobody-here}]\n',
    );

    expect(problems).toEqual([
      '/a: owner nobody-here is not known below this root; the file keeps its owner',
    ]);
  });

  it('below a file, or over a folder, is an error that leaves nothing behind', async () => {
    using folder = temporaryFolder();
    put(folder.path, 'file', 'x');
    put(folder.path, 'folder/x', 'x');
    const before = treeText(folder.path);

    await expect(apply(folder.path, 'write_files: [{path: /file/a}]\n')).rejects.toMatchObject({
      code: 'E_APPLY',
      message: '/file is not a directory',
    });
    await expect(apply(folder.path, 'write_files: [{path: /folder}]\n')).rejects.toThrow(
      /^writing \/folder failed: EISDIR/,
    );
    expect(treeText(folder.path)).toBe(before);
  });

  it('may go below a root that is given relative to the working directory', async () => {
    using folder = temporaryFolder();
    const root = `./${relative(process.cwd(), folder.path)}/x/`;

    await apply(root, 'write_files: [{path: /etc/a}]\n');

    expect(treeText(folder.path)).toBe('== /x/etc/a 644\n');
  });
});

describe('masks', () => {
  it('replace a file, and are undone for runtime units only', async () => {
    using folder = temporaryFolder();
    put(folder.path, 'etc/systemd/system/a.service', '[Unit]\n');
    put(folder.path, 'run/systemd/system/b.service', '');
    put(folder.path, 'run/systemd/system/c.service', '[Unit]\n');

    const { lines } = await apply(
      folder.path,
      'coreos:\n  units:\n    - {name: a.service, mask: true}\n    - {name: b.service, runtime: true}\n' +
        '    - {name: c.service, runtime: true}\n    - {name: etcd.service, mask: true, runtime: true}\n',
    );

    expect(treeText(folder.path)).toBe(
      '== /etc/systemd/system/a.service -> /dev/null\n== /run/systemd/system/c.service 644\n[Unit]\n',
    );
    expect(lines).toContain(
      '/run/systemd/system/c.service is not null or empty, refusing to unmask',
    );
  });
});

describe('generated files', () => {
  it('update.conf replaces by prefix, each once, and appends the rest', async () => {
    using folder = temporaryFolder();
    put(folder.path, 'usr/share/coreos/update.conf', '# c\nSERVERX=1\nGROUP=stable\nGROUP=two');

    await apply(
      folder.path,
      'coreos: {update: {server: http://s/, group: beta, reboot-strategy: reboot}}\n',
    );

    expect(readFileSync(join(folder.path, 'etc/coreos/update.conf'), 'utf8')).toBe(
      '# c\nSERVER=http://s/\nGROUP=beta\nGROUP=two\nREBOOT_STRATEGY=reboot\n',
    );
  });

  it('update.conf begins empty, with a report, where a root has none', async () => {
    using folder = temporaryFolder();

    const { problems } = await apply(folder.path, 'coreos: {update: {reboot-strategy: off}}\n');

    expect(readFileSync(join(folder.path, 'etc/coreos/update.conf'), 'utf8')).toBe(
      'REBOOT_STRATEGY=off\n',
    );
    expect(problems).toEqual([
      'no update.conf to start from; /etc/coreos/update.conf begins empty',
    ]);
  });

  it('/etc/environment keeps what is there and is left alone when nothing changes', async () => {
    using folder = temporaryFolder();
    put(folder.path, 'etc/environment', '# a\r\nCOREOS_PRIVATE_IPV4=old\r\nX=1');
    const addresses = { privateIpv4: '10.0.0.1', publicIpv4: '1.2.3.4' };

    await apply(folder.path, '', addresses);
    const { ino } = lstatSync(join(folder.path, 'etc/environment'));
    const { lines } = await apply(folder.path, '', addresses);

    expect(readFileSync(join(folder.path, 'etc/environment'), 'utf8')).toBe(
      '# a\nCOREOS_PRIVATE_IPV4=10.0.0.1\nX=1\nCOREOS_PUBLIC_IPV4=1.2.3.4\n',
    );
    expect(lstatSync(join(folder.path, 'etc/environment')).ino).toBe(ino);
    expect(lines).toEqual([]);
  });

  it('/etc/hosts holds the new host name', async () => {
    using folder = temporaryFolder();

    await apply(folder.path, 'hostname: core-01\nmanage_etc_hosts: localhost\n');

    expect(treeText(folder.path)).toBe(
      '== /etc/hostname 644\ncore-01\n== /etc/hosts 644\n127.0.0.1 core-01\n',
    );
  });
});

describe('units', () => {
  it('with a text that is no unit file are reported, and the rest goes on', async () => {
    using folder = temporaryFolder();

    const { problems, lines } = await apply(
      folder.path,
      'coreos:\n  units:\n    - {name: a.service, enable: true, content: nonsense}\n' +
        '    - {name: b.service, enable: true, content: "[Install]\\nAlias=c.service"}\n',
    );

    expect(problems).toEqual([
      'a.service is not enabled: /etc/systemd/system/a.service:1: text before the first section',
    ]);
    expect(lines).toContain('Enabled unit "b.service"');
    expect(lstatSync(join(folder.path, 'etc/systemd/system/c.service')).isSymbolicLink()).toBe(
      true,
    );
  });
});
