// The program as a process: flags, exit codes, what goes to which stream.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, treeText } from './temporary.js';

const bin = join(import.meta.dirname, '../bin/coreos-cloudinit.js');
const article = join(import.meta.dirname, '../../../examples/article');

type Result = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

function run(words: readonly string[], environment: Readonly<Record<string, string>> = {}): Result {
  const options = { encoding: 'utf8', env: { PATH: '/usr/bin:/bin', ...environment } } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...words], options);
  return { code: status, stdout, stderr };
}

function withFile(
  text: string | Buffer,
  words: (file: string, root: string) => string[],
): Result & { tree: string } {
  using folder = temporaryFolder();
  const file = join(folder.path, 'user-data');
  const root = join(folder.path, 'root');
  writeFileSync(file, text);
  const result = run(words(file, root), { COREOS_PRIVATE_IPV4: '10.9.8.7' });
  const tree = treeText(folder.path).replace(/^== \/user-data.*\n[^]*?(?=^== |$(?![^]))/m, '');
  return { ...result, tree };
}

describe('the command line', () => {
  it.each([
    [['-version'], 0, 'coreos-cloudinit 1.9.3\n', ''],
    [['--version=true', '--convert-netconf=bad'], 0, 'coreos-cloudinit 1.9.3\n', ''],
    [[], 2, 'Provide at least one of --from-file, ', ''],
    [['word', '-from-file=x'], 2, 'Provide at least one of --from-file, ', ''],
    [['-oem=bad'], 2, 'Invalid option to -oem: "bad". Supported options: ["', ''],
    [['-convert-netconf', 'bad'], 2, "Invalid option to -convert-netconf: 'bad'.", ''],
    [['-nonsense'], 2, '', 'flag provided but not defined: -nonsense\nUsage'],
    [['-from-file'], 2, '', 'flag needs an argument: -from-file\nUsage'],
    [['-validate=maybe'], 2, '', 'invalid boolean value "maybe" for -validate: parse error\n'],
    [['-from-url=http://x'], 2, '', '-from-url is not there yet: give user-data with -from-file'],
    [['-from-proc-cmdline'], 2, '', '-from-proc-cmdline is not there yet'],
    [['-from-file=x', '-report=fancy'], 2, '', 'invalid value "fancy" for -report'],
    [['-h'], 0, '', 'Usage of coreos-cloudinit:'],
    [['-from-file=/nonexistent/x', '-validate'], 1, '', 'Failed fetching user-data: ENOENT'],
  ])('%j ends with %d', (words, code, stdout, stderr) => {
    const result = run(words);

    expect(result.code).toBe(code);
    expect(result.stdout.startsWith(stdout) && (stdout !== '' || result.stdout === '')).toBe(true);
    expect(result.stderr.startsWith(stderr) && (stderr !== '' || result.stderr === '')).toBe(true);
  });
});

describe('-validate', () => {
  it.each(['central', 'worker', 'core-01'])(
    "has nothing to say about the article's %s.yaml",
    (name) => {
      expect(run(['--validate', `--from-file=${article}/${name}.yaml`])).toEqual({
        code: 0,
        stdout: '',
        stderr: '',
      });
    },
  );

  it("prints the original's lines; one entry is enough to fail", () => {
    const { code, stderr } = withFile('#cloud-config\ncoreos:\n  write-files: []\n', (file) => [
      '-validate',
      '-ignore-failure',
      `-from-file=${file}`,
    ]);

    expect(code).toBe(1);
    expect(stderr.split('\n').sort()).toEqual([
      '',
      "line 3: info: write_files doesn't belong under coreos",
      'line 3: warning: unrecognized key "write_files"',
    ]);
  });

  it('adds the line 0 of the original to an error of syntax, and not to its picture', () => {
    const text = '#cloud-config\nhostname: a: b\n';
    const words = (file: string): string[] => ['-validate', '-from-file', file];

    const reference = withFile(text, (file) => [...words(file), '-report=reference']);
    const pretty = withFile(text, (file) => [...words(file), '-report=pretty']);

    expect(reference.stderr).toBe(
      'line 0: warning: incorrect type for "" (want struct)\n' +
        'line 1: error: mapping values are not allowed in this context\n',
    );
    expect(pretty.stderr).toMatch(/^\S+\/user-data:2:11 {2}error: mapping values.*\n/);
    expect(pretty.stderr).not.toContain('want struct');
    expect([reference.code, pretty.code]).toEqual([1, 1]);
  });

  it('unpacks gzip first', () => {
    const packed = gzipSync('#cloud-config\nhostnam: a\n');
    const { code, stderr } = withFile(packed, (file) => ['-validate', '-from-file', file]);

    expect(stderr).toBe('line 2: warning: unrecognized key "hostnam"\n');
    expect(code).toBe(1);
  });

  it('fails for a gzip that is damaged', () => {
    const { code, stderr } = withFile(Buffer.from([0x1f, 0x8b, 0]), (file) => [
      '-validate',
      '-from-file',
      file,
    ]);

    expect(stderr).toContain('Failed decompressing user-data from datasource: ');
    expect(code).toBe(1);
  });
});

describe('applying', () => {
  it("writes the article's worker below the root", () => {
    const text = readFileSync(join(article, 'worker.yaml'));
    const { code, stderr, tree } = withFile(text, (file, root) => [
      '-from-file',
      file,
      '-root',
      root,
    ]);

    expect(code).toBe(0);
    expect(stderr).toContain('Wrote file /run/systemd/system/etcd2.service.d/20-cloudinit.conf');
    expect(tree).toContain('Environment="ETCD_PROXY=on"\n');
    expect(tree).toContain('== /root/etc/environment 644\nCOREOS_PRIVATE_IPV4=10.9.8.7\n');
  });

  it('registers SSH keys under the name that is given', () => {
    const { tree } = withFile('#cloud-config\nssh_authorized_keys: [k]\n', (file, root) => [
      `-from-file=${file}`,
      `-root=${root}`,
      '-ssh-key-name=mine',
    ]);

    expect(tree).toContain('/home/core/.ssh/authorized_keys.d/mine 600\nk\n');
  });

  it('substitutes addresses, and warns of those that it does not have', () => {
    const text = '#cloud-config\nhostname: a-$private_ipv4-$public_ipv4\n';
    const { stderr, tree } = withFile(text, (file, root) => ['-from-file', file, '-root', root]);

    expect(tree).toContain('/etc/hostname 644\na-10.9.8.7-\n');
    expect(stderr).toContain(
      'warning: $public_ipv4 has no value and becomes nothing; set COREOS_PUBLIC_IPV4\n',
    );
  });

  it.each([
    [
      '#include http://x\n',
      [],
      1,
      'Failed to parse user-data: Unrecognized user-data format\nContinuing...\n',
    ],
    [
      '#cloud-config\na: @\n',
      ['-ignore-failure'],
      0,
      'Failed to parse user-data: yaml: found character',
    ],
    ['{"ignitionVersion":1}', [], 0, 'Detected an Ignition config. Exiting...'],
    ['', [], 0, ''],
  ])('%j with %j ends with %d', (text, words, code, stdout) => {
    const result = withFile(text, (file, root) => [...words, '-from-file', file, '-root', root]);

    expect(result.code).toBe(code);
    expect(result.stdout.startsWith(stdout) && (stdout !== '' || result.stdout === '')).toBe(true);
    expect(result.tree.includes('COREOS_PRIVATE_IPV4')).toBe(!text.startsWith('{'));
  });

  it('says what is not there yet, with its line', () => {
    const script = withFile('#!/bin/sh\n', (file, root) => ['-from-file', file, '-root', root]);
    const noRoot = withFile('#cloud-config\n', (file) => ['-from-file', file]);
    const github = withFile(
      '#cloud-config\nusers:\n  - name: a\n    coreos-ssh-import-github: b\n',
      (file, root) => ['-from-file', file, '-root', root],
    );

    expect(script).toMatchObject({ code: 1, tree: '' });
    expect(script.stderr).toContain('line 1: error: user-data that is a script is not there yet');
    expect(noRoot.stderr).toContain('give a folder with -root=DIR');
    expect(github.stderr).toContain('Failed to apply cloud-config: line 3: importing SSH keys');
    expect([noRoot.code, github.code]).toEqual([1, 1]);
  });

  it('prints findings and applies all the same', () => {
    const { code, stderr, tree } = withFile(
      '#cloud-config\nbogus: 1\nhostname: a\n',
      (file, root) => ['-from-file', file, '-root', root],
    );

    expect(code).toBe(0);
    expect(stderr).toContain('line 2: warning: unrecognized key "bogus"\n');
    expect(tree).toContain('/etc/hostname 644\na\n');
  });
});
