// Log lines: one JSON object each, whatever is put in.
import { expect, it } from 'vitest';
import { jsonLogger, silentLogger } from '../src/log.js';
import type { LogLevel } from '../src/log.js';
import { ManualClock } from '../src/testing/manual-clock.js';
import { RecordingLog } from '../src/testing/recording-log.js';

function logger(enabled?: (level: LogLevel) => boolean): {
  readonly log: ReturnType<typeof jsonLogger>;
  readonly lines: string[];
} {
  const lines: string[] = [];
  const clock = new ManualClock({ wallTime: 0 });
  const write = (line: string): void => void lines.push(line);
  const log = jsonLogger({ clock, write, ...(enabled === undefined ? {} : { enabled }) });
  return { log, lines };
}

it('writes time, level, message and facts as one line', () => {
  const { log, lines } = logger();

  log.info('became leader', { term: 3, id: 18_446_744_073_709_551_615n });

  expect(lines).toEqual([
    '{"time":"1970-01-01T00:00:00.000Z","level":"info","msg":"became leader","term":3,' +
      '"id":"18446744073709551615"}\n',
  ]);
});

it('leaves debug lines out unless asked, line by line', () => {
  let debug = false;
  const { log: quiet, lines: quietLines } = logger();
  const { log, lines } = logger((level) => level !== 'debug' || debug);

  quiet.debug('a');
  log.debug('b');
  debug = true;
  log.debug('c');

  expect(quietLines).toEqual([]);
  expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['c']);
});

it('cannot be made to forge a line, a level or a terminal command', () => {
  const { log, lines } = logger();
  const nasty = 'a\n{"level":"error"}\u001b[2J\u009b2J\u2028b\u007f';

  log.warn('key', { key: nasty, level: 'info', msg: 'other', time: 'never' });

  expect(lines).toHaveLength(1);
  expect(lines[0]!.match(/[^\x20-\x7e]/g)).toEqual(['\n']);
  expect(JSON.parse(lines[0]!)).toEqual({
    time: '1970-01-01T00:00:00.000Z',
    level: 'warn',
    msg: 'key',
    key: nasty,
  });
});

it('reports that facts cannot be printed instead of throwing', () => {
  const { log, lines } = logger();
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;

  log.error('it broke', { circle });

  expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'error', msg: 'it broke' });
  expect(lines[0]).toContain('unprintable');
});

it('a child adds its facts, a line may replace them, and errors show their message', () => {
  const { log, lines } = logger();

  const child = log.child({ node: 'n1', peer: 'a' }).child({ peer: 'b' });
  child.error('lost', { error: new AggregateError([new Error('x'), new Error('y')]) });

  expect(JSON.parse(lines[0]!)).toMatchObject({ node: 'n1', peer: 'b', error: 'x, y' });
});

it('the silent logger says nothing, its children neither', () => {
  const child = silentLogger.child({ a: 1 });

  expect(() => child.error('x', { a: 1n })).not.toThrow();
  expect(child).toBe(silentLogger);
});

it('the recording log keeps lines of all levels and of its children', () => {
  const log = new RecordingLog();

  log.debug('one');
  log.child({ node: 'n1' }).warn('two', { term: 2 });
  log.info('three');
  log.error('four');

  expect(log.lines).toEqual([
    { level: 'debug', message: 'one', fields: {} },
    { level: 'warn', message: 'two', fields: { node: 'n1', term: 2 } },
    { level: 'info', message: 'three', fields: {} },
    { level: 'error', message: 'four', fields: {} },
  ]);
});
