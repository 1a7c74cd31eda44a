// PUT/s of three Corral members against three real etcd members, side by side in one run:
// A B A B ..., medians and ratios. Needs Debian's etcd-server and wrk.
//
//   node bench/put.js [--rounds 5] [--seconds 5] [--connections 64]
//
// Both sides get the same requests: PUT of a 32-byte value to one of 1,000 keys, spread over the
// three members. The machine is noisy: read the ratio, not the rates.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '64' },
  },
});
const rounds = Number(values.rounds);
const folder = mkdtempSync(join(tmpdir(), 'corral-bench-'));
const script = join(folder, 'put.lua');
writeFileSync(
  script,
  `local n = 0
request = function()
  n = n + 1
  local body = "value=" .. string.rep("v", 32)
  return wrk.format("PUT", "/v2/keys/bench/k" .. (n % 1000),
    {["Content-Type"] = "application/x-www-form-urlencoded"}, body)
end
done = function(summary, latency, requests)
  io.write(string.format("RESULT %d %d %f %f %d\\n", summary.requests, summary.duration,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
`,
);

function need(program, from) {
  try {
    execFileSync('which', [program]);
  } catch {
    console.error(`${program} is not on this machine: apt-get install ${from}`);
    process.exit(5);
  }
}

function startTrio(label, command, prefix, address) {
  const names = ['m1', 'm2', 'm3'];
  const url = (i, port) => `http://${address}${i + 1}:${port}`;
  const cluster = names.map((name, i) => `${name}=${url(i, 2380)}`).join(',');
  const children = names.map((name, i) => {
    const child = spawn(
      command,
      [
        ...prefix,
        '--name',
        name,
        '--data-dir',
        join(folder, label, name),
        '--listen-client-urls',
        url(i, 2379),
        '--advertise-client-urls',
        url(i, 2379),
        '--listen-peer-urls',
        url(i, 2380),
        '--initial-advertise-peer-urls',
        url(i, 2380),
        '--initial-cluster',
        cluster,
        '--initial-cluster-token',
        label,
      ],
      { stdio: 'ignore' },
    );
    return child;
  });
  return { label, children, urls: names.map((_, i) => url(i, 2379)) };
}

async function healthy(trio) {
  const deadline = performance.now() + 20_000;
  for (const url of trio.urls) {
    for (;;) {
      const answer = await fetch(`${url}/v2/keys/ready`, {
        method: 'PUT',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: 'value=1',
      }).catch(() => undefined);
      if (answer?.ok) break;
      if (performance.now() > deadline) throw new Error(`${trio.label} does not serve at ${url}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** CPU milliseconds that the members have used so far (user and system). */
function cpuMs(trio) {
  let ticks = 0;
  for (const child of trio.children) {
    const stat = execFileSync('cat', [`/proc/${child.pid}/stat`], { encoding: 'utf8' });
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * 10;
}

function load(url, connections, seconds) {
  return new Promise((resolve, reject) => {
    const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, url];
    const wrk = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    wrk.stdout.on('data', (chunk) => (output += chunk));
    wrk.on('close', () => {
      const match = /RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+)/.exec(output);
      if (match === null) reject(new Error(`wrk gave no result: ${output}`));
      else {
        const [requests, micros, p50, p99, errors] = match.slice(1).map(Number);
        resolve({ requests, rate: (requests / micros) * 1e6, p50, p99, errors });
      }
    });
  });
}

async function round(trio) {
  const before = cpuMs(trio);
  const per = Math.max(1, Math.floor(Number(values.connections) / 3));
  const results = await Promise.all(trio.urls.map((url) => load(url, per, values.seconds)));
  const sum = (pick) => results.reduce((total, result) => total + pick(result), 0);
  const requests = sum((result) => result.requests);
  return {
    rate: sum((result) => result.rate),
    p50: median(results.map((result) => result.p50)),
    p99: Math.max(...results.map((result) => result.p99)),
    errors: sum((result) => result.errors),
    cpu: ((cpuMs(trio) - before) * 1000) / requests,
  };
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

need('etcd', 'etcd-server');
need('wrk', 'wrk');
const etcd2 = join(import.meta.dirname, '../packages/kv-raft/bin/etcd2.js');
const ours = startTrio('corral', process.execPath, [etcd2], '127.77.1.');
const theirs = startTrio('etcd', 'etcd', ['--enable-v2'], '127.77.2.');
try {
  await Promise.all([healthy(ours), healthy(theirs)]);
  const rows = [];
  for (let i = 0; i < rounds; i += 1) {
    const a = await round(ours);
    const b = await round(theirs);
    rows.push({ a, b, ratio: a.rate / b.rate });
    console.log(
      `round ${i + 1}: corral ${a.rate.toFixed(0)}/s p50 ${a.p50.toFixed(1)} p99 ${a.p99.toFixed(1)} ms` +
        ` · etcd ${b.rate.toFixed(0)}/s p50 ${b.p50.toFixed(1)} p99 ${b.p99.toFixed(1)} ms` +
        ` · ratio ${(a.rate / b.rate).toFixed(2)}${a.errors + b.errors > 0 ? ` · errors ${a.errors}/${b.errors}` : ''}`,
    );
  }
  const ratio = median(rows.map((row) => row.ratio));
  const of = (side, field) => median(rows.map((row) => row[side][field]));
  console.log(
    `PUT, ${values.connections} connections over three members, median of ${rounds} rounds of ${values.seconds} s: ` +
      `corral ${of('a', 'rate').toFixed(0)}/s (p50 ${of('a', 'p50').toFixed(1)} ms, p99 ${of('a', 'p99').toFixed(1)} ms, ` +
      `${of('a', 'cpu').toFixed(0)} CPU-us/request), etcd ${of('b', 'rate').toFixed(0)}/s ` +
      `(p50 ${of('b', 'p50').toFixed(1)} ms, p99 ${of('b', 'p99').toFixed(1)} ms, ${of('b', 'cpu').toFixed(0)} CPU-us/request); ` +
      `ratio ${ratio.toFixed(2)}`,
  );
} finally {
  for (const child of [...ours.children, ...theirs.children]) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
