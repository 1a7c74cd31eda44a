// The key of a cluster, as OpenSSH itself reads it.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ensureSshKey, generateSshKey } from '../../src/docker/ssh-key.js';

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'corral-key-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

const hasKeygen = spawnSync('ssh-keygen', ['-?']).error === undefined;
if (!hasKeygen) process.stdout.write('keys are not read back: there is no ssh-keygen\n');

describe('the key of a cluster', () => {
  it('is made once, for its owner only', () => {
    const cluster = folder();

    const first = ensureSshKey(cluster);
    const again = ensureSshKey(cluster);

    expect([first.isNew, again.isNew]).toEqual([true, false]);
    expect(again.publicKey).toBe(first.publicKey);
    expect(statSync(join(cluster, 'ssh/id_ed25519')).mode & 0o777).toBe(0o600);
  });

  it('is another one each time, in the form of authorized_keys', () => {
    const [one, two] = [generateSshKey('a'), generateSshKey('a')];

    expect(one.publicKey).toMatch(/^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI\S{43} a$/);
    expect(one.publicKey).not.toBe(two.publicKey);
  });

  it.runIf(hasKeygen)('is read by OpenSSH, which finds the same public half', () => {
    const cluster = folder();
    const { publicKey } = ensureSshKey(cluster);

    const words = ['-y', '-P', '', '-f', join(cluster, 'ssh/id_ed25519')];
    const derived = execFileSync('ssh-keygen', words).toString().trim();

    expect(derived).toBe(publicKey);
  });
});
