// Lists of URLs as etcd's flags take them: http or https, host and port, no path; comma separated,
// blanks trimmed, sorted. (etcd 2.3, pkg/types/urls.go)
import { CodedError } from '@corral/kit';

export class UrlError extends CodedError<'E_URL'> {}

/** One URL in etcd's form, without a trailing slash. */
export type PlainUrl = string;

/** Throws UrlError with etcd's text. */
export function parseUrls(text: string): PlainUrl[] {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.length === 0 || parts.every((part) => part === '')) {
    throw new UrlError('E_URL', 'no valid URLs given');
  }
  return parts.map(parseUrl).sort();
}

/** One URL; throws UrlError with etcd's text. */
export function parseUrl(text: string): PlainUrl {
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)/i.exec(text);
  const [, anyCase = '', authority = '', path = ''] = match ?? [];
  const scheme = anyCase.toLowerCase();
  if (match === null || (scheme !== 'http' && scheme !== 'https')) {
    throw new UrlError('E_URL', `URL scheme must be http or https: ${text}`);
  }
  if (!/^(\[[^\]]*\]|[^:]*):\d{1,5}$/.test(authority)) {
    throw new UrlError('E_URL', `URL address does not have the form "host:port": ${text}`);
  }
  const port = Number(authority.slice(authority.lastIndexOf(':') + 1));
  if (port > 65_535) {
    throw new UrlError('E_URL', `URL has a port above 65535: ${text}`);
  }
  if (path !== '' && path !== '/') {
    throw new UrlError('E_URL', `URL must not contain a path: ${text}`);
  }
  return `${scheme}://${authority}`;
}

/** Host and port to listen on; a name or an empty host stands for what it resolves to. */
export function listenAddress(url: PlainUrl): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url.replace(/^https?:/, 'ws:'));
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port === '' ? 80 : port) };
}

/** `name=url,name=url2,other=url3` as a map of names to sorted URLs. */
export function parseInitialCluster(text: string): Map<string, PlainUrl[]> {
  const members = new Map<string, PlainUrl[]>();
  for (const part of text.split(',').map((one) => one.trim())) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = equals < 0 ? '' : part.slice(0, equals);
    const url = part.slice(equals + 1);
    if (equals < 0 || url === '') {
      throw new UrlError('E_URL', `Empty URL given for "${name === '' ? part : name}"`);
    }
    members.set(name, [...(members.get(name) ?? []), parseUrl(url)].sort());
  }
  return members;
}
