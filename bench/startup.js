// How long things take to come up: the command's help, one store until it serves, a whole cluster.
//
//   node bench/startup.js [--runs 11] [--boots 5]
//
// Where Debian's etcd-server is installed, its start is measured in turn with ours.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '11' }, boots: { type: 'string', default: '5' } },
});
const bin = (name) => join(import.meta.dirname, '../node_modules/.bin', name);
const folder = mkdtempSync(join(tmpdir(), 'corral-startup-'));
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const say = (what, list) =>
  console.log(
    `${what}: median ${median(list).toFixed(0)} ms, max ${Math.max(...list).toFixed(0)} ms of ${list.length}`,
  );

const help = [];
const ours = [];
const theirs = [];
const hasEtcd = spawnSync('etcd', ['--version']).status === 0;
try {
  for (let i = 0; i < Number(values.runs); i += 1) {
    help.push(timed(() => execFileSync(bin('corral'), ['--help'])));
    ours.push(await untilServing([bin('etcd2')], `a${i}`, '127.79.1.1'));
    if (hasEtcd) theirs.push(await untilServing(['etcd', '--enable-v2'], `b${i}`, '127.79.2.1'));
  }
  say('corral --help', help);
  say('etcd2, start to a client served', ours);
  if (hasEtcd) say('etcd 3.4, start to a client served', theirs);
  const up = [];
  const env = { ...process.env, CORRAL_HOME: join(folder, 'home') };
  for (let i = 0; i < Number(values.boots); i += 1) {
    up.push(
      timed(() =>
        execFileSync(bin('corral'), ['up', '--runtime', 'process'], { env, stdio: 'ignore' }),
      ),
    );
    execFileSync(bin('corral'), ['down'], { env, stdio: 'ignore' });
  }
  say('corral up, 3 central nodes and 2 workers, command to end', up);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function timed(run) {
  const begun = performance.now();
  run();
  return performance.now() - begun;
}

/** One new member: from its start until GET /v2/keys is answered. */
async function untilServing([program, ...words], name, address) {
  const client = `http://${address}:2379`;
  const peer = `http://${address}:2380`;
  const begun = performance.now();
  const child = spawn(
    program,
    [
      ...words,
      ...['--name', 'm', '--data-dir', join(folder, name)],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', `m=${peer}`],
    ],
    { stdio: 'ignore' },
  );
  const gone = new Promise((resolve) => child.once('exit', resolve));
  while (!(await answers(`${client}/v2/keys/`))) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const tookMs = performance.now() - begun;
  child.kill('SIGKILL');
  await gone;
  return tookMs;
}

function answers(url) {
  return new Promise((resolve) => {
    const asked = request(url, { agent: false }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode === 200));
    });
    asked.on('error', () => resolve(false));
    asked.end();
  });
}
