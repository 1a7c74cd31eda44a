// The health check of the component images: node health.mjs etcd2|discovery-service. It finds out
// from the first process where that listens, and asks there. Exit 0 when it is well, 1 otherwise.
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

const timeoutMs = 5_000;
const words = readFileSync('/proc/1/cmdline', 'utf8').split('\0');
const variables = new Map(
  readFileSync('/proc/1/environ', 'utf8')
    .split('\0')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
);

function option(names, variable, otherwise) {
  for (const [i, word] of words.entries()) {
    const [, name, value] = /^--?([a-z-]+)(?:=(.*))?$/.exec(word) ?? [];
    if (names.includes(name)) return value ?? words[i + 1];
  }
  return variables.get(variable) ?? otherwise;
}

function addressOf() {
  if (process.argv[2] === 'etcd2') {
    const names = ['listen-client-urls'];
    const all = option(names, 'ETCD_LISTEN_CLIENT_URLS', 'http://localhost:2379');
    return all.split(',')[0];
  }
  const addr = option(['addr', 'a'], 'DISC_ADDR', ':8087');
  const scheme = option(['cert-file'], '', '') === '' ? 'http' : 'https';
  return `${scheme}://${addr.startsWith(':') ? `127.0.0.1${addr}` : addr}`;
}

const url = new URL('/health', addressOf());
if (['0.0.0.0', '[::]'].includes(url.hostname)) url.hostname = '127.0.0.1';
// Who serves is known; whether its certificate is, and whether it asks for one, says nothing here.
const ask = url.protocol === 'https:' ? httpsRequest : httpRequest;
const asked = ask(url, { timeout: timeoutMs, rejectUnauthorized: false }, (answer) => {
  answer.resume();
  // A proxy that has no /health of its own passes the question on; any answer but 5xx is life.
  process.exitCode = answer.statusCode < 500 ? 0 : 1;
});
asked.on('timeout', () => asked.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
asked.on('error', (error) => {
  console.error(`${url.href}: ${error.message}`);
  process.exitCode = 1;
});
asked.end();
