// How long a client that writes through a follower waits when the leader goes, with default
// time-outs: one writer per follower, one request outstanding each. Every write that was
// acknowledged is looked for at the end.
//
//   node bench/failover.js [--runs 20] [--members 3] [--signal KILL|STOP|TERM] [--with etcd2,etcd]
//
// `--with etcd` is Debian's etcd-server, run after ours with the same writers.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20' },
    members: { type: 'string', default: '3' },
    signal: { type: 'string', default: 'KILL' },
    with: { type: 'string', default: 'etcd2' },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'corral-failover-'));
const programs = {
  etcd2: {
    words: [process.execPath, join(import.meta.dirname, '../packages/kv-raft/bin/etcd2.js')],
    flags: [],
  },
  etcd: { words: ['etcd'], flags: ['--enable-v2', '--logger', 'zap', '--log-level', 'error'] },
};
const signal = `SIG${values.signal}`;
const agent = new Agent({ keepAlive: true });
let lostAll = 0;

for (const [number, name] of values.with.split(',').entries()) {
  const program = programs[name];
  if (program === undefined) throw new Error(`--with ${name}: etcd2, etcd or both`);
  lostAll += await measure(name, program, number);
}
agent.destroy();
rmSync(folder, { recursive: true, force: true });
if (lostAll > 0) process.exitCode = 9;

async function measure(name, program, number) {
  const members = Array.from({ length: Number(values.members) }, (_, i) => ({
    name: `m${i + 1}`,
    client: `http://127.78.${number + 1}.${i + 1}:2379`,
    peer: `http://127.78.${number + 1}.${i + 1}:2380`,
    child: undefined,
  }));
  const cluster = members.map((member) => `${member.name}=${member.peer}`).join(',');
  const start = (member) => {
    const words = [
      ...program.words,
      ...['--name', member.name, '--data-dir', join(folder, name, member.name)],
      ...['--listen-client-urls', member.client, '--advertise-client-urls', member.client],
      ...['--listen-peer-urls', member.peer, '--initial-advertise-peer-urls', member.peer],
      ...['--initial-cluster', cluster, ...program.flags],
    ];
    member.child = spawn(words[0], words.slice(1), { stdio: 'ignore' });
  };
  const acknowledged = [];
  const gaps = [];
  try {
    members.forEach(start);
    await Promise.all(members.map(serves));
    for (let run = 0; run < Number(values.runs); run += 1) {
      gaps.push(await oneLoss(members, acknowledged, start));
    }
    const lost = await countLost(members, acknowledged);
    const sorted = [...gaps].sort((a, b) => a - b);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    console.log(
      `${name}: ${signal} of the leader of ${members.length}, ${gaps.length} runs: the slowest ` +
        `follower's next write after p50 ${at(0.5).toFixed(0)} ms, p90 ${at(0.9).toFixed(0)} ms, ` +
        `max ${at(1).toFixed(0)} ms; ${acknowledged.length} writes acknowledged, ${lost} lost`,
    );
    return lost;
  } finally {
    for (const { child } of members) child?.kill('SIGKILL');
  }
}

/** Milliseconds from the signal to the next write of the follower that had to wait longest. */
async function oneLoss(members, acknowledged, start) {
  const leader = await until(() => leaderOf(members));
  const followers = members.filter((member) => member !== leader);
  let stop = false;
  let lostAt;
  const firstAfter = [];
  let sequence = 0;
  const writers = followers.map(async (member) => {
    let first;
    while (!stop || first === undefined) {
      const key = `k-${acknowledged.length}-${(sequence += 1)}-${member.name}`;
      const put = exchange('PUT', `${member.client}/v2/keys/${key}`, `value=${key}`);
      const { status } = await put.catch(() => ({ status: 0 }));
      if (status === 201) acknowledged.push(key);
      if (lostAt !== undefined && first === undefined && status === 201) {
        first = performance.now() - lostAt;
        firstAfter.push(first);
      }
    }
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  const gone = new Promise((resolve) => leader.child.once('exit', resolve));
  leader.child.kill(signal);
  lostAt = performance.now();
  if (signal !== 'SIGSTOP') await gone;
  await until(() => Promise.resolve(firstAfter.length === followers.length));
  stop = true;
  await Promise.all(writers);
  if (signal === 'SIGSTOP') leader.child.kill('SIGCONT');
  else start(leader);
  await serves(leader);
  return Math.max(...firstAfter);
}

async function countLost(members, acknowledged) {
  let lost = 0;
  for (const key of acknowledged) {
    const answer = await exchange('GET', `${members[0].client}/v2/keys/${key}?quorum=true`);
    if (answer.status !== 200) lost += 1;
  }
  return lost;
}

function exchange(method, url, body, timeoutMs = 8_000) {
  return new Promise((resolve, reject) => {
    const headers =
      body === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' };
    const limit = AbortSignal.timeout(timeoutMs);
    const asked = request(url, { method, agent, headers, signal: limit }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode, text }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

async function until(attempt) {
  for (;;) {
    const result = await attempt().catch(() => undefined);
    if (result !== undefined && result !== false) return result;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function leaderOf(members) {
  const { status, text } = await exchange(
    'GET',
    `${members[0].client}/v2/members/leader`,
    undefined,
    1_000,
  );
  return status === 200 ? members.find(({ name }) => name === JSON.parse(text).name) : undefined;
}

function serves(member) {
  return until(async () => {
    const answer = await exchange('PUT', `${member.client}/v2/keys/ready`, 'value=1', 2_000);
    return answer.status < 300;
  });
}
