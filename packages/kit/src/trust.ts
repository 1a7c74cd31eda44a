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
 * The certificates to hand to Node as `ca` (PEM): SSL_CERT_FILE and every file of SSL_CERT_DIR
 * (folders separated by colons), each standing in for what the system has of its kind, and Node's
 * own list where the system has none. The system's folder holds what its bundle holds, so the bundle
 * is read for either; it is left out when both variables are set. Files that cannot be read are left
 * out. Each of them costs time with every TLS context that is made of it.
 */
export function trustedCertificates(
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const file = environment['SSL_CERT_FILE'] ?? '';
  const directories = (environment['SSL_CERT_DIR'] ?? '').split(':').filter((dir) => dir !== '');
  const own = file === '' ? undefined : readOrUndefined(file);
  const system = file === '' || directories.length === 0 ? systemBundle() : undefined;
  const found = new Set([own, system, ...directories.flatMap(readDirectory)]);
  found.delete(undefined);
  const roots = system === undefined ? rootCertificates : [];
  return [...[...found].filter((text) => text !== undefined), ...roots];
}

function systemBundle(): string | undefined {
  for (const path of systemBundles) {
    const text = readOrUndefined(path);
    if (text !== undefined) return text;
  }
  return undefined;
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
