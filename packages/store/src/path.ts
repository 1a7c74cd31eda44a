// Paths of the key tree: cleaning what clients send, hidden names, the order of keys, and names
// as independent strings. Nothing here knows of nodes.

/**
 * The canonical form of a path: one leading slash, no empty, "." or ".." segments, no trailing
 * slash. ".." above the root stays at the root, as in Go's path.Clean on a rooted path.
 */
export function cleanPath(path: string): string {
  if (isClean(path)) return path;
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') kept.pop();
    else kept.push(segment);
  }
  return `/${kept.join('/')}`;
}

/** True for names that listings and recursive watches leave out. */
export function isHiddenName(name: string): boolean {
  return name.charCodeAt(0) === 95;
}

/** The key of a child; `parent` is a clean path. */
export function childKey(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`;
}

/** The clean path of the directory that holds `path`; the root holds itself. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

/** The last segment of a clean path; '' for the root. */
export function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The segments of a clean path; none for the root. */
export function segmentsOf(path: string): readonly string[] {
  return path === '/' ? [] : path.slice(1).split('/');
}

/**
 * Orders names as their UTF-8 bytes are ordered, which is the order of code points. JavaScript's
 * own `<` compares UTF-16 units and would put U+1F600 before U+FF5E.
 */
export function compareNames(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at += 1) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a !== b) return rank(a) - rank(b);
  }
  return left.length - right.length;
}

/**
 * A copy of `name` with storage of its own. A piece cut out of a longer string keeps the whole of
 * it alive in V8, so a short name could hold on to the request it came with.
 */
export function ownCopy(name: string): string {
  // V8 copies pieces below 13 units anyway; very long ones are not worth an argument list.
  if (name.length < 13 || name.length > 1024) return name;
  const units = new Array<number>(name.length);
  for (let at = 0; at < name.length; at += 1) units[at] = name.charCodeAt(at);
  return String.fromCharCode.apply(null, units);
}

function isClean(path: string): boolean {
  if (path.charCodeAt(0) !== 47) return false;
  if (path.length === 1) return true;
  if (path.charCodeAt(path.length - 1) === 47) return false;
  return !path.includes('//') && !path.includes('/.');
}

/** Units of surrogate pairs stand for code points above all of U+E000..U+FFFF. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
