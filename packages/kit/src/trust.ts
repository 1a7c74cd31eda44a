// Certificates that Go programs trust and Node alone does not: SSL_CERT_FILE, SSL_CERT_DIR and the
// system's bundle (crypto/x509 of Go, root_linux.go).
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';

const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/**
 * The certificates to hand to Node as `ca`: SSL_CERT_FILE (else the system's bundle), every file
 * of SSL_CERT_DIR, and Node's own list. Files that cannot be read are left out.
 */
export function trustedCertificates(
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const file = environment['SSL_CERT_FILE'];
  const bundles = file === undefined || file === '' ? systemBundles : [file];
  const found: string[] = [];
  for (const path of bundles) {
    const text = readOrUndefined(path);
    if (text === undefined) continue;
    found.push(text);
    break;
  }
  const directories = (environment['SSL_CERT_DIR'] ?? '').split(':').filter((dir) => dir !== '');
  for (const directory of directories) found.push(...readDirectory(directory));
  return [...found, ...rootCertificates];
}

function readDirectory(directory: string): string[] {
  try {
    return readdirSync(directory)
      .map((name) => readOrUndefined(join(directory, name)))
      .filter((text) => text !== undefined && text.includes('BEGIN CERTIFICATE'))
      .map((text) => text ?? '');
  } catch {
    return [];
  }
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
