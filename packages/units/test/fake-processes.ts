// Processes that exist only in a list: what was started and signalled, in order; ends are up to the
// test, or to a script by program.
import type { ProcessExit, ProcessRequest, Processes, StartedProcess } from '../src/processes.js';

type Fake = { readonly request: ProcessRequest; end: (exit: ProcessExit) => void; alive: boolean };

export class FakeProcesses implements Processes {
  /** "start PATH WORDS" and "SIGNAL PATH", as they came. */
  readonly events: string[] = [];
  readonly #processes = new Map<number, Fake>();
  readonly #scripts = new Map<string, ProcessExit>();
  readonly #stubborn = new Set<string>();
  #next = 1000;

  /** Programs of this path end at once. */
  ends(path: string, exit: Partial<ProcessExit>): void {
    this.#scripts.set(path, { code: exit.signal === undefined ? 0 : null, signal: null, ...exit });
  }

  /** Programs of this path do not end by SIGTERM. */
  ignoresTerm(path: string): void {
    this.#stubborn.add(path);
  }

  start(request: ProcessRequest): StartedProcess {
    const pid = this.#next++;
    this.events.push(['start', request.file, ...request.words].join(' '));
    let resolveExit: (exit: ProcessExit) => void = () => undefined;
    const exited = new Promise<ProcessExit>((resolve) => {
      resolveExit = resolve;
    });
    const fake: Fake = {
      request,
      alive: true,
      end(exit) {
        fake.alive = false;
        resolveExit(exit);
      },
    };
    this.#processes.set(pid, fake);
    const script = this.#scripts.get(request.file);
    if (script !== undefined) fake.end(script);
    return { pid, exited };
  }

  signalGroup(group: number, signal: NodeJS.Signals): void {
    const fake = this.#processes.get(group);
    if (fake?.alive !== true || signal === 'SIGCONT') return;
    this.events.push(`${signal} ${fake.request.file}`);
    if (signal === 'SIGKILL' || !this.#stubborn.has(fake.request.file)) {
      fake.end({ code: null, signal });
    }
  }

  signalProcess(pid: number, signal: NodeJS.Signals): void {
    this.signalGroup(pid, signal);
  }

  isGroupAlive(group: number): boolean {
    return this.#processes.get(group)?.alive === true;
  }

  /** Ends the living process of this path by itself. */
  end(path: string, exit: Partial<ProcessExit>): void {
    this.#living(path).end({ code: exit.signal === undefined ? 0 : null, signal: null, ...exit });
  }

  /** The living process of this path says READY=1. */
  ready(path: string): void {
    this.#living(path).request.onReady?.();
  }

  environmentOf(path: string): Readonly<Record<string, string>> {
    return [...this.#processes.values()].findLast(({ request }) => request.file === path)!.request
      .environment;
  }

  #living(path: string): Fake {
    const found = [...this.#processes.values()].find(
      ({ request, alive }) => alive && request.file === path,
    );
    if (found === undefined) throw new Error(`no ${path} runs`);
    return found;
  }
}
