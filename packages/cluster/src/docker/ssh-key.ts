// The key that `corral ssh` logs in with: made once per cluster, kept beside its plan, in OpenSSH's
// own form, which Node cannot write. (PROTOCOL.key of OpenSSH; RFC 8709)
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const algorithm = 'ssh-ed25519';

/** The public key as authorized_keys has it; `isNew` when the pair was made just now. */
export function ensureSshKey(clusterFolder: string): {
  readonly publicKey: string;
  readonly isNew: boolean;
} {
  const folder = join(clusterFolder, 'ssh');
  const path = join(folder, 'id_ed25519');
  if (existsSync(`${path}.pub`)) {
    return { publicKey: readFileSync(`${path}.pub`, 'utf8').trim(), isNew: false };
  }
  const { privateText, publicKey } = generateSshKey('corral');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(path, privateText, { mode: 0o600 });
  // Last: whoever sees it finds both.
  writeFileSync(`${path}.pub`, `${publicKey}\n`, { mode: 0o644 });
  return { publicKey, isNew: true };
}

/** An ed25519 pair: the private key without a pass phrase. */
export function generateSshKey(comment: string): {
  readonly privateText: string;
  readonly publicKey: string;
} {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const open = Buffer.from(jwk.x ?? '', 'base64url');
  const seed = Buffer.from(jwk.d ?? '', 'base64url');
  const publicBlob = Buffer.concat([field(algorithm), field(open)]);
  const check = randomBytes(4);
  const secret = Buffer.concat([
    ...[check, check, publicBlob],
    ...[field(Buffer.concat([seed, open])), field(comment)],
  ]);
  const padding = Buffer.from(
    Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, i) => i + 1),
  );
  const body = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...[field('none'), field('none'), field(''), number(1), field(publicBlob)],
    field(Buffer.concat([secret, padding])),
  ]);
  const lines = body.toString('base64').match(/.{1,70}/g) ?? [];
  const [begin, end] = ['BEGIN', 'END'].map((word) => `-----${word} OPENSSH PRIVATE KEY-----`);
  return {
    privateText: [begin, ...lines, end, ''].join('\n'),
    publicKey: `${algorithm} ${publicBlob.toString('base64')} ${comment}`,
  };
}

function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([number(bytes.length), bytes]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
