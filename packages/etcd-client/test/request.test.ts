// One exchange: what counts as sent, and that nothing is left behind afterwards.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Connections } from '../src/request.js';
import type { ConnectionOptions } from '../src/request.js';
import { fakeMember, fakeTcp } from './support/fakes.js';

const hasOpenssl = existsSync('/usr/bin/openssl');
if (!hasOpenssl) console.log('etcd-client: no /usr/bin/openssl here, TLS cases do not run');

function connections(options: ConnectionOptions = {}): Connections {
  const one = new Connections(options);
  onTestFinished(() => one.close());
  return one;
}

/** How many listeners a signal has that the platform does not show: counted at its two doors. */
function counted(signal: AbortSignal): () => number {
  let count = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...words: Parameters<typeof add>): void => {
    count += 1;
    add(...words);
  };
  signal.removeEventListener = (...words: Parameters<typeof remove>): void => {
    count -= 1;
    remove(...words);
  };
  return () => count;
}

describe('an exchange', () => {
  it('leaves no listener at a long-lived signal, whichever way it ends', async () => {
    const controller = new AbortController();
    const listeners = counted(controller.signal);
    const good = await fakeMember((response) => response.end('x'));
    const bad = await fakeMember((response) => response.socket?.destroy());
    const pool = connections();
    const request = { method: 'GET', path: '/', signal: controller.signal } as const;

    for (let i = 0; i < 20; i += 1) {
      await pool.exchange(good.url, { ...request, timeoutMs: 60_000 });
      await pool.exchange(bad.url, { ...request, timeoutMs: 60_000 });
      await pool.exchange('nonsense', request);
    }

    expect(listeners()).toBe(0);
  });

  it('keeps its connection for the next one', async () => {
    const member = await fakeMember((response) => response.end('x'));
    const pool = connections();

    for (let i = 0; i < 5; i += 1) await pool.exchange(member.url, { method: 'GET', path: '/' });

    expect(member.connections()).toBe(1);
  });

  it('has a time limit for the whole answer, and says how long it waited', async () => {
    const member = await fakeMember((response) => {
      response.writeHead(200);
      response.write('beginning');
    });

    const result = await connections().exchange(member.url, {
      method: 'GET',
      path: '/',
      timeoutMs: 200,
    });

    expect(result).toMatchObject({
      ok: false,
      failure: { kind: 'unknown', error: { message: 'no answer within 200 ms' } },
    });
  });

  it('that is aborted before it starts is not sent', async () => {
    const member = await fakeMember((response) => response.end('x'));
    const signal = AbortSignal.abort(new Error('never mind'));

    const result = await connections().exchange(member.url, { method: 'PUT', path: '/', signal });

    expect(result).toMatchObject({ ok: false, failure: { kind: 'aborted' } });
    expect(member.connections()).toBe(0);
  });

  it('closes the connection of an answer it stops waiting for', async () => {
    const closed = new Promise<void>((resolve) => {
      void fakeMember((response) => {
        response.writeHead(200);
        response.write('{');
        response.socket?.on('close', () => resolve());
      }).then(async (member) => {
        const controller = new AbortController();
        const request = { method: 'GET', path: '/', signal: controller.signal } as const;
        const result = connections().exchange(member.url, request);
        while (member.seen.length === 0) await new Promise((next) => setImmediate(next));
        controller.abort(new Error('enough'));
        await result;
      });
    });

    await expect(closed).resolves.toBeUndefined();
  });
});

describe.runIf(hasOpenssl)('an exchange over TLS', () => {
  /** A server with a certificate for 127.0.0.1 that only `ca` makes trustworthy. */
  async function tlsServer(): Promise<{ url: string; ca: string; requests: () => number }> {
    const dir = mkdtempSync(join(tmpdir(), 'corral-tls-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
    const words =
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=etcd ' +
      `-addext subjectAltName=IP:127.0.0.1 -keyout ${key} -out ${cert}`;
    execFileSync('openssl', words.split(' '), { stdio: 'ignore' });
    let requests = 0;
    const options = { key: readFileSync(key), cert: readFileSync(cert) };
    const server = createServer(options, (request, response) => {
      requests += 1;
      request.resume();
      request.on('end', () => response.end('hello'));
    });
    server.listen({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    onTestFinished(async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    });
    const { port } = server.address() as AddressInfo;
    const ca = readFileSync(cert, 'utf8');
    return { url: `https://127.0.0.1:${port}`, ca, requests: () => requests };
  }

  it('passes when the certificate is trusted', async () => {
    const { url, ca } = await tlsServer();

    const result = await connections({ ca: [ca] }).exchange(url, { method: 'GET', path: '/' });

    expect(result).toMatchObject({ ok: true, answer: { status: 200, body: 'hello' } });
  });

  it('was not sent when the certificate is not trusted: a write may go elsewhere', async () => {
    const { url, requests } = await tlsServer();

    const result = await connections().exchange(url, { method: 'PUT', path: '/', body: 'value=1' });

    expect(result).toMatchObject({ ok: false, failure: { kind: 'not-sent' } });
    expect(requests()).toBe(0);
  });

  it('was not sent when the other side never shakes hands, and does not wait for ever', async () => {
    const { url } = await fakeTcp(() => undefined);
    const pool = connections({ dialTimeoutMs: 300 });

    const result = await pool.exchange(url.replace('http:', 'https:'), {
      method: 'PUT',
      path: '/',
      body: 'value=1',
    });

    expect(result).toMatchObject({
      ok: false,
      failure: { kind: 'not-sent', error: { message: 'dial timed out' } },
    });
  });

  it('checks the name of the endpoint, not the one that is dialled', async () => {
    const { url, ca } = await tlsServer();
    const pool = connections({ ca: [ca], dialMap: () => '127.0.0.1' });

    const result = await pool.exchange(url.replace('127.0.0.1', 'n1.test'), {
      method: 'GET',
      path: '/',
    });

    expect(result).toMatchObject({ ok: false, failure: { kind: 'not-sent' } });
  });
});
