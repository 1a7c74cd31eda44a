// Ports of 127.0.0.1 that a cluster keeps: chosen once, the same ones each time if they are free.
import { createHash } from 'node:crypto';
import { ClusterError } from './errors.js';
import { isFree } from './process/preflight.js';

/** Below the range that outgoing connections are given. (ip(7), ip_local_port_range) */
const hostPortMin = 20_000;
const hostPortMax = 31_999;

/** The same one for the same seed, if it is free. Throws ClusterError E_PORT_TAKEN. */
export async function freeHostPort(seed: string, used: Set<number>): Promise<number> {
  const count = hostPortMax - hostPortMin + 1;
  const first = createHash('sha256').update(seed).digest().readUInt32BE(0) % count;
  for (let i = 0; i < count; i += 1) {
    const port = hostPortMin + ((first + i) % count);
    if (used.has(port) || !(await isFree('127.0.0.1', port))) continue;
    used.add(port);
    return port;
  }
  throw new ClusterError(
    'E_PORT_TAKEN',
    `no port of 127.0.0.1 from ${hostPortMin} to ${hostPortMax} is free`,
    { remedies: ['corral ls shows which clusters have some', 'ss -ltn shows who has the others'] },
  );
}
