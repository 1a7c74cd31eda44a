// Both clocks against one contract, and what only the machine's clock can show.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { systemClock } from '../src/clock.js';
import { ManualClock } from '../src/testing/manual-clock.js';
import { describeClock } from './clock.contract.js';

describeClock('systemClock', () => ({ clock: systemClock, until: (promise) => promise }));

describeClock('ManualClock', () => {
  const clock = new ManualClock();
  return {
    clock,
    until: async (promise) => {
      const settled = promise.then(
        () => true,
        () => true,
      );
      for (let i = 0; i < 1_000; i += 1) {
        if (await Promise.race([settled, clock.advance(1)])) break;
      }
      return promise;
    },
  };
});

it('a background timer of the machine keeps no process alive', async () => {
  const source = new URL('../dist/index.js', import.meta.url).href;
  const program = `import { systemClock } from ${JSON.stringify(source)};
    systemClock.setTimer(3_600_000, () => {}, { background: true });
    systemClock.setTimer(2 ** 40, () => {}, { background: true });
    systemClock.every(1_000_000, () => {}, { background: true });
    console.log('armed');`;

  const ran = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    timeout: 15_000,
  });

  expect(ran.stdout).toBe('armed\n');
});
