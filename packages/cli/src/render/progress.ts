// Progress for people: a mark, the step, what it found, how long it took. Plain lines when nobody
// watches; always on stderr.
import type { Progress } from '@corral/cluster';
import type { Context } from '../context.js';
import { colours } from '../context.js';

export function progressPrinter(context: Context): (progress: Progress) => void {
  const c = colours(context);
  const { stderr, isTty } = context.streams;
  return (progress) => {
    if (progress.kind === 'warning') {
      stderr(`  ${c.yellow('warning')}  ${progress.text}\n`);
      return;
    }
    if (progress.state === 'started') {
      if (isTty) stderr(` ${c.dim('…')} ${progress.name}\r`);
      return;
    }
    const seconds = `${(progress.ms / 1000).toFixed(1)} s`;
    const name = progress.name.padEnd(14);
    const mark = isTty ? c.green('✓') : 'ok';
    stderr(`${isTty ? '\r\u001b[K' : ''} ${mark} ${name} ${progress.text}  ${c.dim(seconds)}\n`);
  };
}
