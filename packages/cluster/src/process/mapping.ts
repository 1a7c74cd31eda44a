// What a node's environment means on this machine. On values only; the user's files stay as they
// are. A node's 0.0.0.0, localhost and 127.0.0.1 are its own loopback address, its absolute paths lie
// below its root, and its programs are looked up there (in code from a working tree first), then
// among ours, then on the host.
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { resolveBelow } from '@corral/units';
import { mapUrls } from '../node-urls.js';

const urlVariables = new Set([
  'ETCD_LISTEN_CLIENT_URLS',
  'ETCD_LISTEN_PEER_URLS',
  'ETCD_ADVERTISE_CLIENT_URLS',
  'ETCD_INITIAL_ADVERTISE_PEER_URLS',
  'ETCD_INITIAL_CLUSTER',
]);
const pathVariables = /^ETCD_(DATA_DIR|WAL_DIR)$|_FILE$/;
/** Set by the runtime; a path of this machine, not of the node. */
const ownVariables = new Set(['SSL_CERT_FILE']);

export function mapEnvironment(
  environment: Readonly<Record<string, string>>,
  node: { readonly address: string; readonly root: string },
): Record<string, string> {
  const mapped: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (urlVariables.has(name)) mapped[name] = mapUrls(value, node.address);
    else if (pathVariables.test(name) && !ownVariables.has(name) && leavesFolder(value)) {
      mapped[name] = resolveBelow(node.root, value);
    } else mapped[name] = value;
  }
  return mapped;
}

/** Absolute, or a climb: below a node's root `..` ends there. */
function leavesFolder(path: string): boolean {
  return path.startsWith('/') || path.split('/').includes('..');
}

/** Our programs by the name of their file at their CoreOS path. */
export type OwnPrograms = Readonly<Record<string, string>>;

/** Code from a working tree, below a node's root; what is there goes before everything else. */
export const devPath = '/usr/lib/corral/dev';

export function resolveExecutable(
  path: string,
  root: string,
  programs: OwnPrograms,
  node: string,
): { readonly file: string; readonly words: readonly string[] } | undefined {
  const own = programs[basename(path)];
  const dev = resolveBelow(root, `${devPath}/${basename(path)}.mjs`);
  if (own !== undefined && existsSync(dev)) return { file: node, words: [dev] };
  const below = resolveBelow(root, path);
  if (existsSync(below)) return { file: below, words: [] };
  if (own !== undefined) return { file: node, words: [own] };
  return existsSync(path) ? { file: path, words: [] } : undefined;
}
