// How long a client that writes through a follower waits after `kill -9` of the leader, with default
// time-outs: three members, one writer per follower, one request outstanding each. Every write that
// was acknowledged is looked for at the end.
//
//   node bench/failover.js [--runs 20] [--members 3]
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
  },
});
const folder = mkdtempSync(join(tmpdir(), 'corral-failover-'));
const etcd2 = join(import.meta.dirname, '../packages/kv-raft/bin/etcd2.js');
const members = Array.from({ length: Number(values.members) }, (_, i) => ({
  name: `m${i + 1}`,
  client: `http://127.78.1.${i + 1}:2379`,
  peer: `http://127.78.1.${i + 1}:2380`,
  child: undefined,
}));
const agent = new Agent({ keepAlive: true });

function start(member) {
  member.child = spawn(
    process.execPath,
    [
      etcd2,
      '--name',
      member.name,
      '--data-dir',
      join(folder, member.name),
      '--listen-client-urls',
      member.client,
      '--advertise-client-urls',
      member.client,
      '--listen-peer-urls',
      member.peer,
      '--initial-advertise-peer-urls',
      member.peer,
      '--initial-cluster',
      members.map(({ name, peer }) => `${name}=${peer}`).join(','),
    ],
    { stdio: 'ignore' },
  );
}

function exchange(method, url, body, timeoutMs = 8_000) {
  return new Promise((resolve, reject) => {
    const headers =
      body === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' };
    const signal = AbortSignal.timeout(timeoutMs);
    const asked = request(url, { method, agent, headers, signal }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
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

async function leaderOf(member) {
  const { status, text } = await exchange('GET', `${member.client}/v2/members/leader`);
  return status === 200 ? members.find(({ name }) => name === JSON.parse(text).name) : undefined;
}

const serves = (member) =>
  until(async () => {
    const answer = await exchange('PUT', `${member.client}/v2/keys/ready`, 'value=1', 2_000);
    return answer.status < 300;
  });

const acknowledged = [];
let sequence = 0;
const gaps = [];
try {
  members.forEach(start);
  await Promise.all(members.map(serves));
  for (let run = 0; run < Number(values.runs); run += 1) {
    const leader = await until(() => leaderOf(members[0]));
    const followers = members.filter((member) => member !== leader);
    let stop = false;
    let killedAt;
    const firstAfter = [];
    const writers = followers.map(async (member) => {
      let first;
      while (!stop || first === undefined) {
        const key = `k${(sequence += 1)}`;
        const { status } = await exchange('PUT', `${member.client}/v2/keys/${key}`, `value=${key}`);
        if (status === 201) acknowledged.push(key);
        if (killedAt !== undefined && first === undefined && status === 201) {
          first = performance.now() - killedAt;
          firstAfter.push(first);
        }
      }
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const gone = new Promise((resolve) => leader.child.once('exit', resolve));
    leader.child.kill('SIGKILL');
    killedAt = performance.now();
    await gone;
    await until(async () => firstAfter.length === followers.length);
    stop = true;
    await Promise.all(writers);
    gaps.push(Math.max(...firstAfter));
    start(leader);
    await serves(leader);
  }
  const sorted = [...gaps].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  let lost = 0;
  for (const key of acknowledged) {
    const answer = await exchange('GET', `${members[0].client}/v2/keys/${key}?quorum=true`);
    if (answer.status !== 200) lost += 1;
  }
  console.log(
    `kill -9 of the leader of ${members.length}, ${gaps.length} runs: the slowest follower's next write after ` +
      `p50 ${at(0.5).toFixed(0)} ms, p90 ${at(0.9).toFixed(0)} ms, max ${at(1).toFixed(0)} ms; ` +
      `${acknowledged.length} writes acknowledged, ${lost} lost`,
  );
  if (lost > 0) process.exitCode = 9;
} finally {
  for (const { child } of members) child?.kill('SIGKILL');
  agent.destroy();
  rmSync(folder, { recursive: true, force: true });
}
