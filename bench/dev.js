// How long a change of the store's code takes to be live: from the start of `corral dev`, and with
// --watch from the moment a source is saved, until a node, and until all three members, answer with
// it. A client that knows all endpoints writes all the while; what it was refused is counted.
//
//   node bench/dev.js [--runs 5] [--runtime process|docker]
//
// The sources are a copy, of which one line is changed for every run.
import { spawn, execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EtcdClient } from '@corral/etcd-client';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    runtime: { type: 'string', default: 'process' },
  },
});
const repository = join(import.meta.dirname, '..');
const corral = join(repository, 'node_modules/.bin/corral');
const folder = mkdtempSync(join(tmpdir(), 'corral-dev-'));
const env = { ...process.env, CORRAL_HOME: join(folder, 'home') };
const tree = join(folder, 'tree');
const changed = join(tree, 'packages/kv-raft/src/version.ts');
const writes = { acknowledged: 0, failed: [] };
let patch = 100;
let stopped = false;

copyTree();
run('up', 'dev', '--central', '3', '--workers', '0', '--runtime', values.runtime);
const { nodes } = JSON.parse(run('status', '-o', 'json'));
const urls = Object.fromEntries(nodes.map(({ name, clientUrls: [url] }) => [name, url]));
const client = new EtcdClient({ endpoints: Object.values(urls) });
const writer = write();
try {
  const one = await repeat(() => command(['n2']));
  const three = await repeat(() => command(Object.keys(urls)));
  const watched = await watch(Object.keys(urls));
  say('corral dev kv-raft n2, start to live', one);
  say('corral dev kv-raft, start to live on three members', three);
  say('corral dev kv-raft --watch, saved to live on three members', watched);
} finally {
  stopped = true;
  await writer;
  client.close();
  run('down', 'dev');
  rmSync(folder, { recursive: true, force: true });
}
const failed = writes.failed.length;
console.log(`${writes.acknowledged} writes meanwhile, ${failed} failed`);
for (const message of writes.failed.slice(0, 5)) console.log(`  ${message}`);
if (failed > 0) process.exitCode = 9;

function run(...words) {
  return execFileSync(corral, words, {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
  });
}

function copyTree() {
  for (const name of readdirSync(join(repository, 'packages'))) {
    for (const part of ['src', 'package.json']) {
      const path = join('packages', name, part);
      cpSync(join(repository, path), join(tree, path), { recursive: true });
    }
  }
  for (const file of ['package.json', 'tsconfig.base.json']) {
    cpSync(join(repository, file), join(tree, file));
  }
  symlinkSync(join(repository, 'node_modules'), join(tree, 'node_modules'));
}

/** Saves a change; gives the version that nodes answer with once they run it. */
function change() {
  const version = `2.3.${(patch += 1)}`;
  const text = readFileSync(changed, 'utf8');
  writeFileSync(changed, text.replace(/serverVersion = '[^']+'/, `serverVersion = '${version}'`));
  return version;
}

async function repeat(measure) {
  const found = [];
  for (let i = 0; i < Number(values.runs); i += 1) found.push(await measure());
  return found;
}

/** One run of the command for these nodes. */
async function command(names) {
  const version = change();
  const begun = performance.now();
  const words = ['dev', 'kv-raft', ...names, '--from', tree, '-q'];
  const child = spawn(corral, words, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  await live(names, version);
  const ms = performance.now() - begun;
  // Types are looked at beside, and take longer; nobody waits for them here.
  child.kill('SIGINT');
  await ended;
  return ms;
}

async function watch(names) {
  const words = ['dev', 'kv-raft', '--watch', '--from', tree];
  const first = change();
  const child = spawn(corral, words, { env, stdio: ['ignore', 'ignore', 'ignore'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  await live(names, first);
  const found = await repeat(async () => {
    // The last node is still being looked at when it answers for the first time.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const begun = performance.now();
    await live(names, change());
    return performance.now() - begun;
  });
  child.kill('SIGINT');
  await ended;
  return found;
}

async function live(names, version) {
  for (const name of names) {
    for (;;) {
      const answer = await fetch(`${urls[name]}/version`).catch(() => undefined);
      if (answer?.ok === true && (await answer.json()).etcdserver === version) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

async function write() {
  for (let i = 0; !stopped; i += 1) {
    try {
      await client.keys.set(`/bench/${i % 1000}`, String(i));
      writes.acknowledged += 1;
    } catch (error) {
      writes.failed.push(error.message);
    }
  }
}

function say(what, list) {
  const sorted = [...list].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  console.log(
    `${what}: median ${(median / 1000).toFixed(2)} s, max ${(sorted.at(-1) / 1000).toFixed(2)} s of ${list.length}`,
  );
}
