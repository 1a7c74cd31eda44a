// What nodes print, read: their units and their journal.
import { expect, it } from 'vitest';
import { readEntries, readJournal } from '../../src/docker/journal.js';
import { mainPid, readUnits } from '../../src/docker/unit-facts.js';

const units = [
  'etcd2.service\tactive\trunning\tsuccess\tyes\t102',
  'fleet.service\tinactive\tdead\tsuccess\tno\t0',
  'never.service\tinactive\tdead\tsuccess\t-\t0',
  'stopped.service\tinactive\tdead\tsuccess\tyes\t0\tsimple',
  'done.service\tinactive\tdead\tsuccess\tyes\t0\toneshot',
  'broken.service\tfailed\tfailed\texit-code\tyes\t0',
  'again.service\tactivating\tauto-restart\texit-code\tyes\t0',
  '',
].join('\n');

it('units are told as systemd has them; what nobody asked for is none of them', () => {
  expect(readUnits(units)).toEqual([
    { name: 'etcd2.service', state: 'active' },
    { name: 'fleet.service', state: 'skipped', reason: 'a condition of the unit is not met' },
    { name: 'stopped.service', state: 'inactive' },
    { name: 'done.service', state: 'inactive', detail: 'done' },
    { name: 'broken.service', state: 'failed', reason: 'failed, exit-code' },
    {
      name: 'again.service',
      state: 'activating',
      detail: 'restarting',
      reason: 'it ended (exit-code)',
    },
  ]);
});

it('a unit has the main process that systemd has, or none', () => {
  expect(mainPid(units, 'etcd2.service')).toBe(102);
  expect(mainPid(units, 'fleet.service')).toBeNull();
  expect(mainPid(units, 'nosuch.service')).toBeNull();
});

it("the journal of a unit is its processes' words, also those that are no UTF-8", () => {
  const entries = [
    { SYSLOG_IDENTIFIER: 'systemd', MESSAGE: 'Starting etcd2.service' },
    { SYSLOG_IDENTIFIER: 'node', MESSAGE: 'one' },
    { SYSLOG_IDENTIFIER: 'node', MESSAGE: [116, 119, 111] },
    { MESSAGE: null },
  ];

  const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');

  expect(readJournal(text)).toEqual(['one', 'two', '']);
  expect(readJournal('')).toEqual([]);
});

it('for people it has all lines: ours as they are, others with their time and who said them', () => {
  const at = { __REALTIME_TIMESTAMP: '1700000000123456', SYSLOG_IDENTIFIER: 'app' };
  const entries = [
    { ...at, __CURSOR: 'a', MESSAGE: '{"time":"x","msg":"ours"}', _PID: '7' },
    { ...at, __CURSOR: 'b', MESSAGE: 'theirs', _PID: '7' },
    { ...at, __CURSOR: 'c', MESSAGE: ['first', 'last'] },
    { ...at, __CURSOR: 'd', MESSAGE: [195, 164] },
  ];

  const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');

  const time = '2023-11-14T22:13:20.123Z';
  expect(readEntries(text, 'n1')).toEqual([
    { node: 'n1', time, cursor: 'a', text: '{"time":"x","msg":"ours"}' },
    { node: 'n1', time, cursor: 'b', text: `${time} app[7]: theirs` },
    { node: 'n1', time, cursor: 'c', text: `${time} app: last` },
    { node: 'n1', time, cursor: 'd', text: `${time} app: ä` },
  ]);
});
