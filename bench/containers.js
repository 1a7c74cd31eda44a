// How long a cluster of containers takes to come up, beside as many bare systemd containers of the same
// image in the same minute: the engine's own work is most of it, and differs from machine to machine.
//
//   node bench/containers.js [--runs 3]
//
// Needs a Docker engine and the node image (corral image build node).
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '3' } } });
const corral = join(import.meta.dirname, '../node_modules/.bin/corral');
const folder = mkdtempSync(join(tmpdir(), 'corral-containers-'));
const env = { ...process.env, CORRAL_HOME: join(folder, 'home') };
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const docker = (...words) =>
  execFileSync('docker', words, { stdio: ['ignore', 'pipe', 'inherit'] });
const ready =
  'until [ -S /run/systemd/private ]; do sleep 0.01; done; systemctl is-system-running --wait';
const nodes = [1, 2, 3, 4, 5];
const name = (i) => `corral-bench-${process.pid}-${i}`;

const bare = [];
const whole = [];
try {
  for (let run = 0; run < Number(values.runs); run += 1) {
    bare.push(bareContainers());
    whole.push(timed(() => execFileSync(corral, ['up', '--runtime', 'docker'], { env })));
    execFileSync(corral, ['down'], { env });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
say('five bare systemd containers, started at once, all running', bare);
say('corral up --runtime docker, 3 central nodes and 2 workers', whole);
console.log(`ratio: ${(median(whole) / median(bare)).toFixed(1)}`);

/** Made before the clock runs; removed after it. */
function bareContainers() {
  for (const i of nodes) {
    docker(
      ...['create', '--name', name(i), '--cap-add', 'SYS_ADMIN', '--cap-add', 'NET_ADMIN'],
      ...['--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined'],
      ...['--cgroupns', 'private', '--tmpfs', '/run', '--tmpfs', '/run/lock', '--tmpfs', '/tmp'],
      ...['--env', 'container=docker', '--label', 'io.corral.bench=1', 'corral/node:latest'],
    );
  }
  const begun = performance.now();
  try {
    const each = nodes.map(
      (i) => `docker start ${name(i)} && docker exec ${name(i)} sh -c '${ready}'`,
    );
    execFileSync('sh', ['-c', `${each.map((one) => `(${one}) &`).join('\n')}\nwait`]);
    return performance.now() - begun;
  } finally {
    docker('rm', '--force', '--volumes', ...nodes.map(name));
  }
}

function timed(run) {
  const begun = performance.now();
  run();
  return performance.now() - begun;
}

function say(what, list) {
  const all = list.map((ms) => (ms / 1000).toFixed(1)).join(' ');
  console.log(`${what}: median ${(median(list) / 1000).toFixed(1)} s of ${all}`);
}
