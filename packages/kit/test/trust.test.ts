// Which certificates are trusted, by environment. Contents are marks: nothing here parses them.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { trustedCertificates } from '../src/trust.js';

const mark = (name: string): string =>
  `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`;
const systemBundle = '/etc/ssl/certs/ca-certificates.crt';
const hasBundle = existsSync(systemBundle);
if (!hasBundle) console.log(`trust: no ${systemBundle} here, its cases do not run`);

function folder(files: Readonly<Record<string, string>>): string {
  const path = mkdtempSync(join(tmpdir(), 'corral-trust-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

/** What is trusted beyond the system's bundle (one long text) and Node's list. */
function own(environment: Readonly<Record<string, string>>): string[] {
  const roots = new Set(rootCertificates);
  const found = trustedCertificates(environment).filter((text) => !roots.has(text));
  return found.filter((text) => text.length < 1_000);
}

function hasSystem(environment: Readonly<Record<string, string>>): boolean {
  return trustedCertificates(environment).some((text) => text.length > 50_000);
}

describe('trustedCertificates', () => {
  it('reads SSL_CERT_FILE', () => {
    const dir = folder({ 'ca.pem': mark('one') });

    expect(own({ SSL_CERT_FILE: join(dir, 'ca.pem') })).toEqual([mark('one')]);
  });

  it('reads every certificate file of the folders of SSL_CERT_DIR, and nothing else there', () => {
    const first = folder({ 'a.pem': mark('a'), 'key.pem': 'PRIVATE KEY' });
    const second = folder({ b: mark('b') });
    mkdirSync(join(second, 'folder'));

    const found = own({ SSL_CERT_DIR: `${first}:${second}:/does/not/exist` });

    expect(found.sort()).toEqual([mark('a'), mark('b')]);
  });

  it('lives with files that are not there, and takes empty variables for none', () => {
    expect(own({ SSL_CERT_FILE: '/does/not/exist', SSL_CERT_DIR: '' })).toEqual([]);
    expect(own({ SSL_CERT_FILE: '' })).toEqual([]);
  });

  it("trusts Node's own list where there is no other, so that a bare container reaches the world", () => {
    const found = trustedCertificates({ SSL_CERT_FILE: '/none', SSL_CERT_DIR: '/none' });

    expect(found).toEqual([...rootCertificates]);
  });
});

describe.runIf(hasBundle)("the system's certificates", () => {
  it('are trusted unless both variables are set, as Go leaves them out one by one', () => {
    const dir = folder({ 'ca.pem': mark('one') });
    const file = join(dir, 'ca.pem');

    expect(hasSystem({})).toBe(true);
    expect(hasSystem({ SSL_CERT_FILE: file })).toBe(true);
    expect(hasSystem({ SSL_CERT_DIR: dir })).toBe(true);
    expect(hasSystem({ SSL_CERT_FILE: file, SSL_CERT_DIR: dir })).toBe(false);
  });

  it('are there once, and stand for the list of Node', () => {
    const found = trustedCertificates({ SSL_CERT_FILE: systemBundle });

    expect(found).toEqual(trustedCertificates({}));
    expect(found).toHaveLength(1);
  });
});
