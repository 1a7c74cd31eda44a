// Certificates of a cluster: a CA of its own, and what it signs. Node can read X.509 but not write
// it, so the few DER structures that are needed are put together here. (RFC 5280)
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

export type Certificate = { readonly cert: string; readonly key: string };

type Authority = {
  readonly name: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
};

/** A CA and one certificate of it for `hosts`; valid from a day before `now` for ten years. */
export function issueCertificates(options: {
  readonly authorityName: string;
  readonly hosts: readonly string[];
  /** Epoch milliseconds. */
  readonly now: number;
}): { readonly authority: string; readonly server: Certificate } {
  const { authorityName, hosts, now } = options;
  const caKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const serverKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer: Authority = { name: authorityName, ...caKeys };
  const authority = certificate({
    subject: authorityName,
    publicKey: caKeys.publicKey,
    issuer,
    now,
    hosts: [],
    isCa: true,
  });
  const cert = certificate({
    subject: hosts[0] ?? '',
    publicKey: serverKeys.publicKey,
    issuer,
    now,
    hosts,
    isCa: false,
  });
  const key = serverKeys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { authority, server: { cert, key } };
}

function certificate(options: {
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly issuer: Authority;
  readonly now: number;
  readonly hosts: readonly string[];
  readonly isCa: boolean;
}): string {
  const { subject, publicKey, issuer, now, hosts, isCa } = options;
  const day = 86_400_000;
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const algorithm = sequence(objectId([1, 2, 840, 10045, 4, 3, 2]));
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const body = sequence(
    tagged(0, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    distinguishedName(issuer.name),
    sequence(generalizedTime(now - day), generalizedTime(now + 3650 * day)),
    distinguishedName(subject),
    spki,
    tagged(3, sequence(...extensions({ publicKey, issuer, hosts, isCa }))),
  );
  const signature = sign('sha256', body, issuer.privateKey);
  const der = sequence(body, algorithm, bitString(signature));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function extensions(options: {
  readonly publicKey: KeyObject;
  readonly issuer: Authority;
  readonly hosts: readonly string[];
  readonly isCa: boolean;
}): Buffer[] {
  const { publicKey, issuer, hosts, isCa } = options;
  const list = [
    extension([2, 5, 29, 19], true, isCa ? sequence(der(0x01, Buffer.from([0xff]))) : sequence()),
    // keyCertSign and cRLSign, or digitalSignature.
    extension([2, 5, 29, 15], true, der(0x03, Buffer.from(isCa ? [1, 0x06] : [7, 0x80]))),
    extension([2, 5, 29, 14], false, der(0x04, keyId(publicKey))),
    extension([2, 5, 29, 35], false, sequence(der(0x80, keyId(issuer.publicKey)))),
  ];
  if (isCa) return list;
  const serverAuth = sequence(objectId([1, 3, 6, 1, 5, 5, 7, 3, 1]));
  const names = sequence(...hosts.map((host) => der(0x82, Buffer.from(host, 'ascii'))));
  return [
    ...list,
    extension([2, 5, 29, 37], false, serverAuth),
    extension([2, 5, 29, 17], false, names),
  ];
}

function extension(id: readonly number[], critical: boolean, value: Buffer): Buffer {
  const flag = critical ? [der(0x01, Buffer.from([0xff]))] : [];
  return sequence(objectId(id), ...flag, der(0x04, value));
}

function keyId(publicKey: KeyObject): Buffer {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha1').update(spki).digest();
}

function distinguishedName(name: string): Buffer {
  const commonName = sequence(objectId([2, 5, 4, 3]), der(0x0c, Buffer.from(name)));
  return sequence(der(0x31, commonName));
}

function generalizedTime(epochMs: number): Buffer {
  const text = new Date(epochMs).toISOString().replace(/[-:T]|\.\d+/g, '');
  return der(0x18, Buffer.from(text, 'ascii'));
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function tagged(tag: number, content: Buffer): Buffer {
  return der(0xa0 | tag, content);
}

function integer(bytes: Buffer): Buffer {
  return der(0x02, bytes);
}

function bitString(bytes: Buffer): Buffer {
  return der(0x03, Buffer.concat([Buffer.from([0]), bytes]));
}

function objectId(numbers: readonly number[]): Buffer {
  const [first = 0, second = 0, ...rest] = numbers;
  const bytes = [first * 40 + second];
  for (const number of rest) {
    const groups = [number & 0x7f];
    for (let left = number >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, Buffer.from(bytes));
}

function der(tag: number, content: Uint8Array): Buffer {
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
