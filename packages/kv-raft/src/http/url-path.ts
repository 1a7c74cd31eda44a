// The request target: path and query apart, the path decoded once, and the clean form of it. A path
// that is not clean is answered with a redirect and executes nothing (Go's http.ServeMux).
import { percentDecode } from './percent.js';

export type Target = {
  /** Decoded; undefined when it holds a bad escape. */
  readonly path: string | undefined;
  /** As it came, without the question mark. */
  readonly query: string;
};

/** `url` is Latin-1, one character per byte: a path, or a whole URL as proxies send it. */
export function readTarget(url: string): Target {
  const target = url.charCodeAt(0) === 0x2f ? url : pathOfAbsolute(url);
  const question = target.indexOf('?');
  const rawPath = question < 0 ? target : target.slice(0, question);
  const query = question < 0 ? '' : target.slice(question + 1);
  if (isPlainPath(rawPath)) return { path: rawPath, query };
  const path = percentDecode(rawPath, false);
  return { path: path.ok ? path.text : undefined, query };
}

/** Go's path.Clean on a rooted path, with the trailing slash kept. */
export function cleanUrlPath(path: string): string {
  if (!path.includes('//') && !path.includes('/.')) return path === '' ? '/' : path;
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  const clean = `/${parts.join('/')}`;
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean;
}

/** A decoded path and a raw query as a Location header has them. */
export function locationOf(path: string, query: string): string {
  let location = '';
  for (const byte of Buffer.from(path)) {
    const char = String.fromCharCode(byte);
    const escaped = byte.toString(16).toUpperCase().padStart(2, '0');
    location += isPathByte(byte) ? char : `%${escaped}`;
  }
  return query === '' ? location : `${location}?${withoutHighBytes(query)}`;
}

function pathOfAbsolute(url: string): string {
  const scheme = url.indexOf('://');
  if (scheme < 0) return url;
  const slash = url.indexOf('/', scheme + 3);
  const question = url.indexOf('?', scheme + 3);
  if (slash >= 0 && (question < 0 || slash < question)) return url.slice(slash);
  return question < 0 ? '/' : `/${url.slice(question)}`;
}

function isPlainPath(path: string): boolean {
  for (let at = 0; at < path.length; at += 1) {
    const code = path.charCodeAt(at);
    if (code >= 0x80 || code === 0x25) return false;
  }
  return true;
}

/** What Go leaves as it is in a path: letters, digits and -_.~$&+,/:;=@ */
function isPathByte(byte: number): boolean {
  if (byte >= 0x61 && byte <= 0x7a) return true;
  if (byte >= 0x41 && byte <= 0x5a) return true;
  if (byte >= 0x30 && byte <= 0x39) return true;
  return byte < 0x80 && '-_.~$&+,/:;=@'.includes(String.fromCharCode(byte));
}

function withoutHighBytes(query: string): string {
  let text = '';
  for (const char of query) {
    const code = char.charCodeAt(0);
    text += code < 0x80 ? char : `%${code.toString(16)}`;
  }
  return text;
}
