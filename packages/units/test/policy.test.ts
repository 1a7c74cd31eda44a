import { describe, expect, it } from 'vitest';
import { orderUnits } from '../src/ordering.js';
import { StartLimit, isCleanExit, mayRestart, resultOf } from '../src/restart-policy.js';
import { readService } from '../src/service.js';
import type { Service } from '../src/service.js';
import { Unit, parseUnitFile } from '../src/unit-file.js';

function service(text: string): Service {
  const file = `[Service]\nExecStart=/bin/a\n${text}\n`;
  return readService(new Unit('a.service', parseUnitFile(file, '/a.service')));
}

describe('Restart=', () => {
  // The table of systemd.service(5): exit 0, exit 3, SIGTERM, SIGKILL, SIGSEGV.
  it.each([
    ['no', '-----'],
    ['always', '+++++'],
    ['on-success', '+-+--'],
    ['on-failure', '-+-++'],
    ['on-abnormal', '---++'],
    ['on-abort', '---++'],
    ['on-watchdog', '-----'],
  ])('%s restarts after these ends: %s', (policy, wanted) => {
    const one = service(`Restart=${policy}`);
    const exits = [
      { code: 0, signal: null },
      { code: 3, signal: null },
      { code: null, signal: 'SIGTERM' },
      { code: null, signal: 'SIGKILL' },
      { code: null, signal: 'SIGSEGV' },
    ] as const;

    const marks = exits.map((exit) =>
      mayRestart(one, isCleanExit(exit, one) ? 'success' : resultOf(exit), exit) ? '+' : '-',
    );

    expect(marks.join('')).toBe(wanted);
  });

  it.each([
    ['on-failure', 'RestartPreventExitStatus=3 SIGKILL', 3, null, false],
    ['on-failure', 'RestartPreventExitStatus=9', null, 'SIGKILL', false],
    ['no', 'RestartForceExitStatus=3', 3, null, true],
    ['on-failure', 'SuccessExitStatus=3 SIGUSR1', 3, null, false],
    ['on-failure', 'SuccessExitStatus=3 SIGUSR1', null, 'SIGUSR1', false],
    ['on-success', 'SuccessExitStatus=3', 3, null, true],
  ] as const)('%s with %s, after %s %s: %s', (policy, more, code, signal, wanted) => {
    const one = service(`Restart=${policy}\n${more}`);
    const exit = { code, signal };

    const result = isCleanExit(exit, one) ? 'success' : resultOf(exit);

    expect(mayRestart(one, result, exit)).toBe(wanted);
  });
});

describe('the start limit', () => {
  it('lets five starts pass in ten seconds, and more when time has passed', () => {
    const limit = new StartLimit();
    const one = service('');

    const early = [0, 1, 2, 3, 4, 5].map((at) => limit.take(at * 1_000, one));

    expect(early).toEqual([true, true, true, true, true, false]);
    expect(limit.take(10_000, one)).toBe(true);
    expect(limit.take(10_001, one)).toBe(false);
  });

  it('is none with an interval of 0', () => {
    const limit = new StartLimit();
    const one = service('StartLimitInterval=0\nStartLimitBurst=1');

    expect([0, 0, 0].map((at) => limit.take(at, one))).toEqual([true, true, true]);
  });
});

describe('a service', () => {
  it('has the defaults of systemd', () => {
    expect(service('')).toMatchObject({
      type: 'simple',
      restart: 'no',
      restartMs: 100,
      timeoutStartMs: 90_000,
      timeoutStopMs: 90_000,
      killMode: 'control-group',
      killSignal: 'SIGTERM',
      sendSigkill: true,
      startLimitBurst: 5,
      startLimitMs: 10_000,
    });
  });

  it.each([
    ['TimeoutStartSec=0', { timeoutStartMs: Infinity }],
    ['TimeoutSec=1min', { timeoutStartMs: 60_000, timeoutStopMs: 60_000 }],
    ['Type=oneshot', { timeoutStartMs: Infinity }],
    [
      '[Unit]\nStartLimitIntervalSec=3\nStartLimitBurst=2',
      { startLimitMs: 3_000, startLimitBurst: 2 },
    ],
    ['KillSignal=INT\nKillMode=mixed', { killSignal: 'SIGINT', killMode: 'mixed' }],
    ['KillSignal=9', { killSignal: 'SIGKILL' }],
    ['UMask=0027\nRemainAfterExit=on', { umask: 0o027, remainAfterExit: true }],
    ['Nice=5\nLimitNOFILE=1\n[X-Fleet]\nGlobal=true\n[Install]\nWantedBy=x', { restart: 'no' }],
  ])('reads %j', (text, wanted) => {
    expect(service(text)).toMatchObject(wanted);
  });

  it.each([
    [
      'Foo=1',
      'E_UNIT_UNSUPPORTED',
      '/a.service:3: [Service] Foo= is not supported by the embedded supervisor',
    ],
    [
      '[Unit]\nFoo=1',
      'E_UNIT_UNSUPPORTED',
      '/a.service:4: [Unit] Foo= is not supported by the embedded supervisor',
    ],
    [
      '[Foo]\nx=1',
      'E_UNIT_UNSUPPORTED',
      '/a.service:4: [Foo] x= is not supported by the embedded supervisor',
    ],
    [
      'Type=dbus',
      'E_UNIT_UNSUPPORTED',
      'a.service: Type=dbus is not supported by the embedded supervisor',
    ],
    [
      'ExecStart=/bin/b',
      'E_UNIT_FILE',
      'a.service has several ExecStart= lines, which only Type=oneshot may have',
    ],
    ['ExecStart=', 'E_UNIT_FILE', 'a.service has no ExecStart=: there is nothing to start'],
    ['Restart=sometimes', 'E_UNIT_FILE', '/a.service:3: Restart=sometimes is not valid'],
    ['RestartSec=soon', 'E_UNIT_FILE', '/a.service:3: RestartSec=soon is not valid'],
    ['KillSignal=NOPE', 'E_UNIT_FILE', '/a.service:3: KillSignal=NOPE is not valid'],
    ['KillMode=all', 'E_UNIT_FILE', '/a.service:3: KillMode=all is not valid'],
    ['UMask=9', 'E_UNIT_FILE', '/a.service:3: UMask=9 is not valid'],
    ['RemainAfterExit=2', 'E_UNIT_FILE', '/a.service:3: RemainAfterExit=2 is not valid'],
    [
      'Type=oneshot\nRestart=always',
      'E_UNIT_FILE',
      'a.service: Restart=always is not allowed for Type=oneshot',
    ],
  ])('refuses %j', (text, code, message) => {
    expect(() => service(text)).toThrow(expect.objectContaining({ code, message }));
  });

  it('may have only ExecStop= when it is a oneshot', () => {
    expect(service('Type=oneshot\nExecStart=\nExecStop=/bin/b').execStop).toHaveLength(1);
  });
});

describe('the order of units', () => {
  const order = (
    after: string[],
    before: string[] = [],
  ): { after: string[]; before: string[] } => ({
    after,
    before,
  });

  it('follows After= and Before=, and ignores names that are not there', () => {
    const { predecessors, dropped } = orderUnits(
      new Map([
        ['a', order(['b', 'nowhere'])],
        ['b', order([])],
        ['c', order([], ['b'])],
      ]),
    );

    expect([...predecessors].map(([name, set]) => [name, [...set]])).toEqual([
      ['a', ['b']],
      ['b', ['c']],
      ['c', []],
    ]);
    expect(dropped).toEqual([]);
  });

  it('drops the edge that closes a cycle', () => {
    const { predecessors, dropped } = orderUnits(
      new Map([
        ['a', order(['b'])],
        ['b', order(['c'])],
        ['c', order(['a', 'c'])],
      ]),
    );

    expect(dropped).toEqual(['c after a']);
    expect([...(predecessors.get('c') ?? [])]).toEqual([]);
  });
});
