// Progress on a terminal, in a pipe, in CI: what is written, on a clock that only moves when told.
import { PassThrough } from 'node:stream';
import { ManualClock } from '@corral/kit/testing';
import { describe, expect, it } from 'vitest';
import { ProgressReporter } from '../../src/render/progress.js';
import type { Terminal } from '../../src/terminal.js';
import { plainTerminal } from '../run.js';

function world(
  terminal: Partial<Terminal>,
  options: { readonly environment?: Record<string, string>; readonly quiet?: boolean } = {},
): {
  readonly clock: ManualClock;
  readonly progress: ProgressReporter;
  readonly text: () => string;
} {
  let text = '';
  const clock = new ManualClock({ wallTime: Date.parse('2026-01-01T00:00:00Z') });
  const context = {
    streams: { stdout: () => undefined, stderr: (more: string) => void (text += more) },
    terminal: { ...plainTerminal, ...terminal },
    ends: { stdin: undefined, stdout: new PassThrough(), stderr: new PassThrough() },
    folder: '/',
    environment: options.environment ?? {},
    home: '',
    signal: new AbortController().signal,
    onLeave: () => undefined,
  };
  const quiet = options.quiet === true;
  const progress = new ProgressReporter({ context, clock, quiet, title: 'corral up x' });
  return { clock, progress, text: () => text };
}

const started = { kind: 'step', name: 'proof', state: 'started' } as const;
const done = { kind: 'step', name: 'proof', state: 'done', ms: 1234, text: 'read back' } as const;
const warning = { kind: 'warning', text: 'taken as "off"' } as const;

describe('without a terminal', () => {
  it('a finished step is one line with the time first; a long one says so every five seconds', async () => {
    const { clock, progress, text } = world({});

    progress.on(started);
    await clock.advance(11_000);
    progress.on(done);
    await clock.advance(10_000);
    progress.close();

    expect(text()).toBe(
      '2026-01-01T00:00:05.000Z .. proof  5 s so far\n' +
        '2026-01-01T00:00:10.000Z .. proof  10 s so far\n' +
        '2026-01-01T00:00:11.000Z ok proof          read back  1.2 s\n',
    );
  });

  it('a step that never ended is said to have failed, and the fold of GitHub is closed', async () => {
    const { clock, progress, text } = world({}, { environment: { GITHUB_ACTIONS: 'true' } });

    progress.on(started);
    progress.on(done);
    progress.on(started);
    await clock.advance(2_000);
    progress.close();

    expect(text()).toBe(
      '::group::corral up x\n' +
        '2026-01-01T00:00:00.000Z ok proof          read back  1.2 s\n' +
        '2026-01-01T00:00:02.000Z failed proof            2.0 s\n' +
        '::endgroup::\n',
    );
  });

  it('quiet says warnings only', async () => {
    const { clock, progress, text } = world({}, { quiet: true });

    progress.on(started);
    await clock.advance(6_000);
    progress.on(warning);
    progress.on(done);
    progress.close();

    expect(text()).toBe('  warning  taken as "off"\n');
  });
});

describe('on a terminal', () => {
  const erase = '\r\u001b[K';

  it('the step under way is redrawn with its seconds and replaced by a mark', async () => {
    const { clock, progress, text } = world({ live: true });

    progress.on(started);
    await clock.advance(100);
    progress.on(done);

    expect(text()).toBe(
      `${erase} ⠋ proof          0.0 s${erase} ⠙ proof          0.1 s` +
        `${erase} ✓ proof          read back  1.2 s\n`,
    );
  });

  it('a warning in the middle does not tear the line; ASCII where the locale has no more', () => {
    const { progress, text } = world({ live: true, unicode: false });

    progress.on(started);
    progress.on(warning);
    progress.on(done);

    expect(text()).toBe(
      `${erase} | proof          0.0 s${erase}  warning  taken as "off"\n` +
        `${erase} / proof          0.0 s${erase} ok proof          read back  1.2 s\n`,
    );
  });

  it('never wider than the terminal', () => {
    const { progress, text } = world({ live: true, width: 40 });

    progress.on({ ...done, text: 'x'.repeat(100) });

    expect(text().trimEnd().length).toBeLessThan(40);
    expect(text()).toContain('x…  1.2 s');
  });

  it('shows that work goes on while it does, and nothing once it is over', async () => {
    const { clock, progress, text } = world({ live: true });

    const result = await progress.during('adding', Promise.resolve(7));
    await clock.advance(1_000);

    expect(result).toBe(7);
    expect(text()).toBe(`${erase} ⠋ adding         0.0 s${erase}`);
  });
});
