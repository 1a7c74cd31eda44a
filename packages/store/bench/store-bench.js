// Speed and memory of the built store. Run after the build:
//   node --expose-gc packages/store/bench/store-bench.js [keys]
// Prints time per operation, heap per key, and how long the slices of a snapshot take.
import { Store } from '../dist/index.js';

const keys = Number(process.argv[2] ?? 500_000);
const permanent = { dir: false, expiration: undefined, refresh: false };

function valueOf(number) {
  return Buffer.from(`value-${number}-`.padEnd(100, 'x')).toString('latin1');
}

/** A path with storage of its own, as a decoded log entry has. */
function pathOf(number) {
  return Buffer.from(
    `/1/bench/d${number % 500}/key-${String(number).padStart(16, '0')}`,
  ).toString();
}

function time(name, count, body) {
  const start = process.hrtime.bigint();
  for (let number = 0; number < count; number += 1) body(number);
  const each = Number(process.hrtime.bigint() - start) / count;
  console.log(`${name.padEnd(44)} ${each.toFixed(0).padStart(8)} ns each`);
}

function heap() {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

const store = new Store({ namespaces: ['/0', '/1'] });
const before = heap();
time('set of a new key', keys, (n) => {
  store.apply({ kind: 'set', path: pathOf(n), value: valueOf(n), ...permanent });
});
const used = (heap() - before) / keys;
console.log(
  `${'heap per key (33-byte path, 100-byte value)'.padEnd(44)} ${used.toFixed(0).padStart(8)} bytes`,
);

const paths = Array.from({ length: 10_000 }, (_, n) => pathOf((n * 7919) % keys));
const value = valueOf(1);
time('set of an existing key', 1_000_000, (n) => {
  store.apply({ kind: 'set', path: paths[n % 10_000], value, ...permanent });
});
time('get of a key', 1_000_000, (n) => {
  store.get(paths[n % 10_000], { recursive: false, sorted: false });
});
const expiring = { ...permanent, expiration: 1e12 };
time('set of an existing key with a TTL', 300_000, (n) => {
  store.apply({ kind: 'set', path: paths[n % 10_000], value, ...expiring, expiration: 1e12 + n });
});

const watchers = [];
for (let n = 0; n < 5_000; n += 1) {
  const options = { path: `/1/watched/${n}`, recursive: true, stream: true, sinceIndex: 0 };
  watchers.push(store.watch(options, () => {}).watcher);
}
time('the same set with 5,000 watchers elsewhere', 300_000, (n) => {
  store.apply({ kind: 'set', path: paths[n % 10_000], value, ...permanent });
});
for (const watcher of watchers) watcher.close();

const snapshot = store.beginSnapshot();
const chunks = [];
const slices = [];
const started = process.hrtime.bigint();
for (;;) {
  const start = process.hrtime.bigint();
  const chunk = snapshot.next(64 * 1024);
  slices.push(Number(process.hrtime.bigint() - start) / 1e6);
  if (chunk === undefined) break;
  chunks.push(chunk);
}
const total = Number(process.hrtime.bigint() - started) / 1e6;
slices.sort((a, b) => a - b);
const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
console.log(
  `snapshot: ${total.toFixed(0)} ms, ${chunks.length} chunks of 64 KiB, ` +
    `${(bytes / 1e6).toFixed(1)} MB; slice median ${slices[slices.length >> 1].toFixed(2)} ms, ` +
    `p99 ${slices[Math.floor(slices.length * 0.99)].toFixed(2)} ms, ` +
    `longest ${slices.at(-1).toFixed(2)} ms`,
);
const hashStart = process.hrtime.bigint();
const hash = store.hash();
console.log(`hash: ${(Number(process.hrtime.bigint() - hashStart) / 1e6).toFixed(0)} ms`);
const copy = new Store({ namespaces: ['/0', '/1'] });
const beforeCopy = heap();
const restoreStart = process.hrtime.bigint();
copy.restore(chunks);
console.log(`restore: ${(Number(process.hrtime.bigint() - restoreStart) / 1e6).toFixed(0)} ms`);
console.log(`heap per restored key: ${((heap() - beforeCopy) / keys).toFixed(0)} bytes`);
if (copy.hash() !== hash) throw new Error('the restored store differs');
