// The stand-in for the public service, reached as etcd2 reaches it: CONNECT through a proxy, then TLS.
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { issueCertificates } from '../src/ca.js';
import { publicHost } from '../src/plan.js';
import { startPublicDiscovery } from '../src/process/public-discovery.js';

const now = Date.parse('2026-05-01T12:00:00Z');

async function tunnel(port: number, host: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  onTestFinished(() => void socket.destroy());
  socket.write(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\n\r\n`);
  const [head] = (await once(socket, 'data')) as [Buffer];
  expect(head.toString()).toMatch(/^HTTP\/1.1 200 /);
  return socket;
}

describe('the certificates of a cluster', () => {
  it('chain, name the host and hold for ten years', () => {
    const { authority, server } = issueCertificates({
      authorityName: 'Corral demo',
      hosts: [publicHost, 'other.example'],
      now,
    });

    const ca = new X509Certificate(authority);
    const leaf = new X509Certificate(server.cert);
    expect(ca.ca).toBe(true);
    expect(leaf.ca).toBe(false);
    expect(leaf.verify(ca.publicKey)).toBe(true);
    expect(leaf.checkHost(publicHost)).toBe(publicHost);
    expect(leaf.checkHost('other.example')).toBe('other.example');
    expect(leaf.checkHost('elsewhere.example')).toBeUndefined();
    expect(Date.parse(leaf.validFrom)).toBeLessThan(now);
    expect(Date.parse(leaf.validTo)).toBeGreaterThan(now + 9 * 365 * 86_400_000);
  });
});

describe('the public discovery service, played locally', () => {
  it('answers for its host over TLS that the cluster trusts', async () => {
    const { authority, server } = issueCertificates({
      authorityName: 'Corral demo',
      hosts: [publicHost],
      now: Date.now(),
    });
    const service = await startPublicDiscovery({
      certificate: server,
      handle: (request, response) => response.end(`asked for ${request.url ?? ''}`),
      port: 0,
    });
    onTestFinished(() => service.close());

    const socket = await tunnel(service.port, publicHost);
    const secure = tlsConnect({ socket, servername: publicHost, ca: authority });
    await once(secure, 'secureConnect');
    secure.write(`GET /token HTTP/1.1\r\nHost: ${publicHost}\r\nConnection: close\r\n\r\n`);
    let text = '';
    secure.on('data', (data: Buffer) => (text += data.toString()));
    await once(secure, 'close');

    expect(secure.authorized).toBe(true);
    expect(text).toContain('asked for /token');
  });

  it('is a different one for a different cluster: its CA is not trusted elsewhere', async () => {
    const mine = issueCertificates({ authorityName: 'a', hosts: [publicHost], now: Date.now() });
    const other = issueCertificates({ authorityName: 'b', hosts: [publicHost], now: Date.now() });
    const service = await startPublicDiscovery({
      certificate: mine.server,
      handle: (_request, response) => response.end(),
      port: 0,
    });
    onTestFinished(() => service.close());

    const socket = await tunnel(service.port, publicHost);
    const secure = tlsConnect({ socket, servername: publicHost, ca: other.authority });

    await expect(once(secure, 'secureConnect')).rejects.toThrow(/verify|signature|issuer/);
  });

  it.each([
    ['GET https://elsewhere.example/ HTTP/1.1', '400'],
    ['GET ftp://elsewhere.example/ HTTP/1.1', '400'],
    ['CONNECT 127.0.0.1:99999 HTTP/1.1', '400'],
    ['CONNECT 127.0.0.1:none HTTP/1.1', '400'],
    ['CONNECT [::1]:1 HTTP/1.1', '502'],
    ['CONNECT 127.0.0.1:1 HTTP/1.1', '502'],
  ])('answers %s with %s, and goes on', async (line, status) => {
    const { server } = issueCertificates({ authorityName: 'a', hosts: [publicHost], now });
    const service = await startPublicDiscovery({
      certificate: server,
      handle: (_request, response) => response.end(),
      port: 0,
    });
    onTestFinished(() => service.close());

    const socket = connect({ host: '127.0.0.1', port: service.port });
    onTestFinished(() => void socket.destroy());
    socket.write(`${line}\r\nHost: x\r\n\r\n`);
    const [head] = (await once(socket, 'data')) as [Buffer];

    expect(head.toString().split(' ')[1]).toBe(status);
  });
});
