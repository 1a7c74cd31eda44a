// The command line of discovery-service; every flag has a variable DISC_FLAG, as in the original.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { errorMessage } from '@corral/kit';
import { DiscoveryServiceError } from './backing.js';
import { isToken } from './tokens.js';

export type Listen = { readonly host: string; readonly port: number };

export type ServiceConfig = {
  readonly listen: Listen;
  /** A second address, without TLS. */
  readonly plain: Listen | undefined;
  readonly etcd: string | undefined;
  readonly host: string | undefined;
  readonly dataDir: string;
  readonly tokens: readonly { readonly name: string; readonly size: number }[];
  readonly strict: boolean;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
};

export const helpText = `usage: discovery-service [flags]

  --addr, -a HOST:PORT  where to listen (DISC_ADDR, default :8087)
  --etcd, -e URL        etcd that keeps the tokens (DISC_ETCD); default: a store of its own
  --host, -h URL        address in what /new answers (DISC_HOST); default: where it listens
  --data-dir DIR        where the own store lives (DISC_DATA_DIR, default discovery.data)
  --token NAME=SIZE     issue a token of this name; may be given several times
  --strict-compat       only 32-digit tokens, no checks of our own
  --cert-file FILE --key-file FILE   serve TLS
  --plain-addr HOST:PORT  where to listen without TLS besides
  --help
`;

/** Throws DiscoveryServiceError E_DISCOVERY_FLAGS. Undefined: help was asked for. */
export function readServiceConfig(
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ServiceConfig | undefined {
  const values = parse(words);
  if (values.help === true) return undefined;
  const addr = values.addr ?? environment['DISC_ADDR'] ?? ':8087';
  const { 'cert-file': certFile, 'key-file': keyFile } = values;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw bad('--cert-file and --key-file go together');
  }
  const { 'plain-addr': plain } = values;
  if (plain !== undefined && certFile === undefined) {
    throw bad(
      '--plain-addr is for a service whose --addr has TLS: give --cert-file and --key-file',
    );
  }
  const strict = values['strict-compat'] === true;
  return {
    listen: readListen('--addr', addr),
    plain: plain === undefined ? undefined : readListen('--plain-addr', plain),
    etcd: readUrl('--etcd', values.etcd ?? environment['DISC_ETCD']),
    host: readUrl('--host', values.host ?? environment['DISC_HOST']),
    dataDir: values['data-dir'] ?? environment['DISC_DATA_DIR'] ?? 'discovery.data',
    tokens: (values.token ?? []).map((text) => readToken(text, strict)),
    strict,
    tls:
      certFile === undefined || keyFile === undefined
        ? undefined
        : { cert: readFile(certFile), key: readFile(keyFile) },
  };
}

type Values = {
  readonly addr?: string;
  readonly etcd?: string;
  readonly host?: string;
  readonly 'data-dir'?: string;
  readonly token?: string[];
  readonly 'strict-compat'?: boolean;
  readonly 'cert-file'?: string;
  readonly 'key-file'?: string;
  readonly 'plain-addr'?: string;
  readonly help?: boolean;
};

function parse(words: readonly string[]): Values {
  try {
    return parseArgs({
      args: [...words],
      options: {
        addr: { type: 'string', short: 'a' },
        etcd: { type: 'string', short: 'e' },
        host: { type: 'string', short: 'h' },
        'data-dir': { type: 'string' },
        token: { type: 'string', multiple: true },
        'strict-compat': { type: 'boolean' },
        'cert-file': { type: 'string' },
        'key-file': { type: 'string' },
        'plain-addr': { type: 'string' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw bad(errorMessage(error));
  }
}

function readListen(flag: string, text: string): Listen {
  const match = /^(.*):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[2]) > 65_535) throw bad(`${flag} ${text} is not HOST:PORT`);
  const host = match[1] === '' ? '0.0.0.0' : (match[1] ?? '');
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(match[2]) };
}

function readToken(text: string, strict: boolean): { name: string; size: number } {
  const match = /^(.+)=(\d+)$/.exec(text);
  const name = match?.[1] ?? '';
  const size = Number(match?.[2] ?? 0);
  if (match === null || !isToken(name, strict) || size < 1) {
    throw bad(
      `--token ${text} is not NAME=SIZE (NAME of A-Z a-z 0-9 _ -, SIZE above 0; new, health and metrics are taken)`,
    );
  }
  return { name, size };
}

/** An address of the original's form: scheme and host, nothing behind it. */
function readUrl(flag: '--etcd' | '--host', text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw bad(`${flag}: Invalid url given: ${text}`);
  }
  const wrong =
    url.protocol !== 'http:' && url.protocol !== 'https:'
      ? `Invalid url given: ${text} is neither http nor https`
      : url.search !== ''
        ? `Expected url without query (${url.search})`
        : url.hash !== ''
          ? `Expected url without fragment (${url.hash})`
          : flag === '--etcd' && url.pathname !== '/'
            ? `Expected url without path (${url.pathname})`
            : undefined;
  if (wrong !== undefined) throw bad(`${flag}: ${wrong}`);
  return text;
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw bad(`cannot read ${path}: ${errorMessage(error)}`);
  }
}

function bad(message: string): DiscoveryServiceError {
  return new DiscoveryServiceError('E_DISCOVERY_FLAGS', `${message}. See discovery-service --help`);
}
