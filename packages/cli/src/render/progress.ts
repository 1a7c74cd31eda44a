// Progress for people, always on stderr. On a terminal the step under way is one line that is redrawn
// with the seconds it takes, and replaced when it ends. Elsewhere each finished step is one line with
// the time first, and a step that takes long says so every five seconds, so that nothing looks hung.
import type { Progress } from '@corral/cluster';
import type { Clock, Timer } from '@corral/kit';
import type { Context } from '../context.js';
import { colours, tell } from '../context.js';
import { cut } from './table.js';

const redrawMs = 100;
const heartbeatMs = 5_000;
const frames = { unicode: ['⠋', '⠙', '⠸', '⠴', '⠦', '⠇'], ascii: ['|', '/', '-', '\\'] };
const eraseLine = '\r\u001b[K';

export type ProgressOptions = {
  readonly context: Context;
  readonly clock: Clock;
  /** Only warnings are said. */
  readonly quiet: boolean;
  /** Of the fold, where a CI system can fold. */
  readonly title: string;
};

export class ProgressReporter {
  readonly #options: ProgressOptions;
  #step: { readonly name: string; readonly begun: number; readonly timer: Timer } | undefined;
  #frame = 0;
  #folded = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  /** For `onProgress` of the cluster library. */
  readonly on = (progress: Progress): void => {
    if (progress.kind === 'warning') {
      this.#line(`  ${this.#colours.yellow('warning')}  ${progress.text}`);
    } else if (progress.state === 'started') {
      this.#begin(progress.name);
    } else {
      this.#stop();
      this.#finished('ok', progress.name, progress.text, progress.ms);
    }
  };

  /** Shows that work goes on while it does; says nothing once it is over. */
  async during<T>(name: string, work: Promise<T>): Promise<T> {
    this.#begin(name);
    try {
      return await work;
    } finally {
      this.#stop();
    }
  }

  /** A step that is still under way has failed. */
  close(): void {
    const step = this.#step;
    this.#stop();
    if (step !== undefined) {
      this.#finished('failed', step.name, '', this.#options.clock.now() - step.begun);
    }
    if (this.#folded) tell(this.#options.context, '::endgroup::\n');
    this.#folded = false;
  }

  get #colours(): ReturnType<typeof colours> {
    return colours(this.#options.context, 'stderr');
  }

  get #live(): boolean {
    return this.#options.context.terminal.live;
  }

  #begin(name: string): void {
    const { clock, quiet } = this.#options;
    this.#stop();
    const beat = this.#live ? redrawMs : heartbeatMs;
    const timer = clock.every(beat, () => this.#beat(), { background: true });
    this.#step = { name, begun: clock.now(), timer };
    if (this.#live && !quiet) this.#draw();
  }

  #beat(): void {
    const { clock, quiet } = this.#options;
    if (quiet || this.#step === undefined) return;
    if (this.#live) {
      this.#draw();
      return;
    }
    const seconds = Math.round((clock.now() - this.#step.begun) / 1000);
    this.#line(`${this.#time()} .. ${this.#step.name}  ${seconds} s so far`);
  }

  #draw(): void {
    const step = this.#step;
    if (step === undefined) return;
    const { context, clock } = this.#options;
    const { unicode, width } = context.terminal;
    const list = unicode ? frames.unicode : frames.ascii;
    const mark = list[this.#frame % list.length] ?? '';
    this.#frame += 1;
    const text = ` ${mark} ${step.name.padEnd(14)} ${seconds(clock.now() - step.begun)}`;
    tell(context, `${eraseLine}${cut(text, width - 1)}`);
  }

  #stop(): void {
    if (this.#step === undefined) return;
    this.#step.timer.cancel();
    this.#step = undefined;
    if (this.#live && !this.#options.quiet) tell(this.#options.context, eraseLine);
  }

  #finished(how: 'ok' | 'failed', name: string, text: string, ms: number): void {
    const { context, quiet } = this.#options;
    if (quiet) return;
    const c = this.#colours;
    const padded = name.padEnd(14);
    if (!this.#live) {
      this.#fold();
      this.#line([this.#time(), how, padded, text, ` ${seconds(ms)}`].join(' '));
      return;
    }
    const mark = how === 'ok' ? c.green('✓') : c.red('✗');
    const took = seconds(ms);
    const room = context.terminal.width - padded.length - took.length - 8;
    this.#line(` ${mark} ${padded} ${cut(text, Math.max(10, room))}  ${c.dim(took)}`);
  }

  /** Warnings may come in the middle of a step: its line is drawn anew below. */
  #line(text: string): void {
    const { context, quiet } = this.#options;
    if (!this.#live) this.#fold();
    const redraw = this.#live && !quiet && this.#step !== undefined;
    tell(context, `${redraw ? eraseLine : ''}${text}\n`);
    if (redraw) this.#draw();
  }

  #fold(): void {
    const { context, title, quiet } = this.#options;
    if (quiet || this.#folded || context.environment['GITHUB_ACTIONS'] !== 'true') return;
    this.#folded = true;
    tell(context, `::group::${title}\n`);
  }

  #time(): string {
    return new Date(this.#options.clock.wallTime()).toISOString();
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
