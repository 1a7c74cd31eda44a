// What a person and a supervisor see of a broken disk: real processes, real exit codes, errors of
// the system injected with strace into one of three members.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Machines, canInject, canRun } from './support/processes.js';
import type { Machine } from './support/processes.js';

const patienceMs = 120_000;

/** Writes through `writers` until `machine` has ended; gives the keys that were acknowledged. */
async function writeUntilEnd(
  machines: Machines,
  writers: readonly string[],
  machine: Machine,
): Promise<string[]> {
  const acknowledged: string[] = [];
  let ended = false;
  void machine.exit.then(() => (ended = true));
  const isOver = (): boolean => ended;
  for (let i = 0; i < 20_000 && !isOver(); i += 1) {
    const key = `key-${i}`;
    if (await machines.put(writers[i % writers.length] ?? '', key, key)) acknowledged.push(key);
  }
  return acknowledged;
}

async function missing(
  machines: Machines,
  name: string,
  keys: readonly string[],
): Promise<readonly string[]> {
  const listing = (await machines.get(name, ''))?.split('"') ?? [];
  const there = new Set(listing);
  return keys.filter((key) => !there.has(`/${key}`));
}

function segmentOf(machines: Machines, name: string): string {
  const wal = join(machines.dataDir(name), 'member', 'wal');
  const [first = ''] = readdirSync(wal)
    .filter((file) => file.endsWith('.wal'))
    .sort();
  return join(wal, first);
}

describe.runIf(canInject)('a member of three whose disk fails', () => {
  it.each([
    ['fdatasync fails with EIO', 'fdatasync:error=EIO:when=15+', 'EIO'],
    ['writing fails with ENOSPC', 'pwrite64:error=ENOSPC:when=40+', 'ENOSPC'],
  ])(
    'as %s ends with code 1 and a clear message; the others lose nothing and go on',
    async (_what, fault, errno) => {
      const machines = new Machines(['one', 'two', 'three']);
      const [call = ''] = fault.split(':');
      const broken = machines.start('one', ['-e', `trace=${call}`, '-e', `inject=${fault}`]);
      machines.start('two');
      machines.start('three');
      await Promise.all(['two', 'three'].map((name) => machines.serves(name)));

      const acknowledged = await writeUntilEnd(machines, ['two', 'three', 'one'], broken);

      expect(await broken.exit).toBe(1);
      expect(broken.stderr).toContain(
        `writing the log in ${join(machines.dataDir('one'), 'member', 'wal')} failed: `,
      );
      expect(broken.stderr).toContain(errno);
      expect(broken.stderr).toContain('start it again when the disk works');
      expect(acknowledged.length).toBeGreaterThan(5);
      await machines.serves('two');
      expect(await machines.put('two', 'after', 'it')).toBe(true);
      expect(await missing(machines, 'two', acknowledged)).toEqual([]);

      machines.start('one');
      await machines.serves('one');
      expect(await missing(machines, 'one', [...acknowledged, 'after'])).toEqual([]);
    },
    patienceMs,
  );

  it(
    'as it is full refuses new writes with an error of its own, and still reads',
    async () => {
      const machines = new Machines(['one', 'two', 'three']);
      const next = join(machines.dataDir('one'), 'member', 'wal', 'next.tmp');
      const fault = 'inject=pwrite64:error=ENOSPC';
      const full = machines.start('one', ['-P', next, '-e', 'trace=pwrite64', '-e', fault]);
      machines.start('two');
      machines.start('three');
      await Promise.all(['one', 'two', 'three'].map((name) => machines.serves(name)));

      const refused = await machines.putText('one', 'key');
      const elsewhere = await machines.put('two', 'key', 'value');

      expect(refused).toMatch(/^5\d\d .*(disk|space)/is);
      expect(elsewhere).toBe(true);
      expect(await machines.get('one', 'key')).toContain('"value":"value"');
      expect(full.stderr).toContain('disk is full: writes are refused');
      expect(full.child.exitCode).toBeNull();
    },
    patienceMs,
  );
});

describe.runIf(canRun)('a member whose files were damaged', () => {
  async function stopped(): Promise<Machines> {
    const machines = new Machines(['one']);
    const first = machines.start('one');
    await machines.serves('one');
    for (let i = 0; i < 10; i += 1) await machines.put('one', `key-${i}`, 'kept');
    await first.stop();
    return machines;
  }

  it(
    'in the middle of the log does not start: code 1, file, offset and the way out',
    async () => {
      const machines = await stopped();
      const path = segmentOf(machines, 'one');
      const bytes = readFileSync(path);
      const at = bytes.indexOf('/1/key-3');
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      writeFileSync(path, bytes);

      const again = machines.start('one');

      expect(await again.exit).toBe(1);
      expect(again.stderr).toContain(`${path} is damaged at offset `);
      expect(again.stderr).toContain('delete its data directory, and add it again');
      expect(readFileSync(path).equals(bytes), 'nothing is cut').toBe(true);
    },
    patienceMs,
  );

  it(
    'in a torn tail starts, says so, and has everything that was acknowledged',
    async () => {
      const machines = await stopped();
      const path = segmentOf(machines, 'one');
      const bytes = readFileSync(path);
      let end = bytes.length;
      while (bytes[end - 1] === 0) end -= 1;
      bytes.fill('half a record', end, end + 100);
      writeFileSync(path, bytes);

      const again = machines.start('one');
      await machines.serves('one');

      const keys = Array.from({ length: 10 }, (_, i) => `key-${i}`);
      expect(await missing(machines, 'one', keys)).toEqual([]);
      expect(again.stderr).toContain('cleared the torn tail of the log');
      expect(readdirSync(join(path, '..')).filter((name) => name.endsWith('.broken'))).toHaveLength(
        1,
      );
    },
    patienceMs,
  );

  it(
    'is in use: a second process ends with code 1 and names the first',
    async () => {
      const machines = new Machines(['one']);
      const first = machines.start('one');
      await machines.serves('one');

      const second = machines.start('one');

      expect(await second.exit).toBe(1);
      expect(second.stderr).toContain(`is in use by process ${first.child.pid ?? 0}`);
    },
    patienceMs,
  );
});
