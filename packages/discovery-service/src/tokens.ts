// Tokens as facts: what one may look like, where it lives in the store, what its seats mean. Pure.

/** Where the original keeps its tokens, below /v2/keys. */
export const registryPath = '/_etcd/registry';

/** 32 lower-case hex digits: what /new gives, and all that the original accepts. */
const strictToken = /^[0-9a-f]{32}$/;
const looseToken = /^[A-Za-z0-9_-]{1,64}$/;
const memberId = /^[0-9a-f]{1,16}$/;

/** Paths of the service itself; a token of such a name could never be asked for. */
const ownPaths = ['new', 'health', 'metrics'];

export function isToken(text: string, strict: boolean): boolean {
  return (strict ? strictToken : looseToken).test(text) && !ownPaths.includes(text);
}

/** What may follow a token in a path: one segment, also after decoding, and no step upwards. */
export function isSegment(text: string): boolean {
  return text !== '' && text !== '.' && text !== '..' && !text.includes('/');
}

/** A registration's key: a member id in hex. */
export function isMemberId(text: string): boolean {
  return memberId.test(text);
}

/** `name=url[,name=url]`, which every member of a cluster must be able to parse. */
export function isRegistration(value: string): boolean {
  return value.split(',').every((pair) => /^[^=,]+=https?:\/\/[^,/]+:\d+\/?$/.test(pair));
}

export type SizeResult =
  { readonly ok: true; readonly size: bigint } | { readonly ok: false; readonly message: string };

const sizeMax = 100n;

/** The size in /new: a Go int; ours also demands one that a cluster can have. */
export function parseSize(text: string | undefined, strict: boolean): SizeResult {
  if (text === undefined || text === '') return { ok: true, size: 3n };
  if (!/^[+-]?\d+$/.test(text)) {
    return { ok: false, message: `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax` };
  }
  const size = BigInt(text.replace('+', ''));
  if (size !== BigInt.asIntN(64, size)) {
    const range = `strconv.Atoi: parsing ${JSON.stringify(text)}: value out of range`;
    return { ok: false, message: range };
  }
  if (!strict && (size < 1n || size > sizeMax)) {
    return { ok: false, message: `size must be between 1 and ${sizeMax}, not ${size}` };
  }
  return { ok: true, size };
}

export type Seat = { readonly id: string; readonly value: string; readonly createdIndex: number };

/** Who has a seat, who came too late, and how many are still to come. */
export function seatsOf(
  size: number,
  registrations: readonly Seat[],
): { readonly seated: readonly Seat[]; readonly late: readonly Seat[]; readonly missing: number } {
  const sorted = [...registrations].sort((a, b) => a.createdIndex - b.createdIndex);
  const seated = sorted.slice(0, size);
  return { seated, late: sorted.slice(size), missing: Math.max(0, size - seated.length) };
}
