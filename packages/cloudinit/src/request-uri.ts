// Go's idea of a request URI, by which the validator judges discovery URLs. (net/url,
// ParseRequestURI)

/** True for "*", "/…" and SCHEME:REST with a sound authority. */
export function isRequestUri(text: string): boolean {
  if (text === '*') return true;
  if (text === '' || /\p{Cc}/u.test(text)) return false;
  if (text.startsWith('/')) return hasSoundEscapes(text.split('?', 1)[0] ?? '');
  const rest = /^[A-Za-z][A-Za-z0-9+.-]*:(.*)$/s.exec(text)?.[1];
  if (rest === undefined) return false;
  if (!rest.startsWith('//')) return true;
  const end = rest.slice(2).search(/[/?]/);
  const authority = end < 0 ? rest.slice(2) : rest.slice(2, 2 + end);
  const path = (end < 0 ? '' : rest.slice(2 + end)).split('?', 1)[0] ?? '';
  const at = authority.lastIndexOf('@');
  const user = at < 0 ? '' : authority.slice(0, at);
  return hasSoundEscapes(user) && hasSoundEscapes(path) && isSoundHost(authority.slice(at + 1));
}

function isSoundHost(host: string): boolean {
  if (/[\s{}|\\^%]/.test(host)) return false;
  if (host.startsWith('[')) return /^\[[^\]]*\](:\d*)?$/.test(host);
  const colon = host.lastIndexOf(':');
  return colon < 0 || /^\d*$/.test(host.slice(colon + 1));
}

function hasSoundEscapes(text: string): boolean {
  return !/%(?![0-9a-fA-F]{2})/.test(text);
}
