// Real etcd2 processes on loopback addresses of the test's own, perhaps with injected disk errors.
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { poll, systemClock } from '@corral/kit';
import { onTestFinished } from 'vitest';

const program = join(import.meta.dirname, '../../bin/etcd2.js');
const built = existsSync(join(import.meta.dirname, '../../dist/main.js'));
const traces = spawnSync('strace', ['-V']).status === 0;

/** Says what is missing, in one line, and whether tests with processes can run. */
export const canRun = say(built, 'packages/kv-raft is not built');
export const canInject = say(canRun && traces, 'strace is not installed, or nothing is built');

function say(can: boolean, missing: string): boolean {
  if (!can) process.stderr.write(`tests with etcd2 processes are left out: ${missing}\n`);
  return can;
}

/** Names, addresses and data directories of a cluster that may run. */
export class Machines {
  readonly folder = mkdtempSync(join(tmpdir(), 'corral-etcd2-'));
  readonly #network: string;
  readonly #names: readonly string[];
  readonly #running = new Set<Machine>();

  constructor(names: readonly string[]) {
    this.#names = names;
    const { pid } = process;
    this.#network = `127.${20 + (pid % 200)}.${(pid >> 8) % 250}`;
    onTestFinished(async () => {
      for (const machine of this.#running) machine.child.kill('SIGKILL');
      await Promise.all([...this.#running].map(({ exit }) => exit));
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  dataDir(name: string): string {
    return join(this.folder, name);
  }

  clientUrl(name: string): string {
    return `http://${this.#network}.${this.#names.indexOf(name) + 1}:2379`;
  }

  /** Starts a member; `inject` are the arguments of strace that make its disk fail. */
  start(name: string, inject: readonly string[] = []): Machine {
    const peer = (one: string): string => this.clientUrl(one).replace(/2379$/, '2380');
    const flags = {
      name,
      'data-dir': this.dataDir(name),
      'listen-client-urls': this.clientUrl(name),
      'advertise-client-urls': this.clientUrl(name),
      'listen-peer-urls': peer(name),
      'initial-advertise-peer-urls': peer(name),
      'initial-cluster': this.#names.map((one) => `${one}=${peer(one)}`).join(','),
    };
    const words = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
    const command = [process.execPath, program, ...words];
    // With -D the tracer stands aside: pid and exit code are those of the member.
    const tracer = [
      'strace',
      '-D',
      '-f',
      '-qq',
      '-o',
      join(this.folder, `${name}.trace`),
      ...inject,
    ];
    const [file = '', ...args] = inject.length === 0 ? command : [...tracer, ...command];
    const machine = new Machine(spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'] }));
    this.#running.add(machine);
    void machine.exit.then(() => this.#running.delete(machine));
    return machine;
  }

  /** Waits until a member answers a linearizable read. */
  async serves(name: string): Promise<void> {
    await poll(async () => ((await this.get(name, '')) === undefined ? undefined : true), {
      clock: systemClock,
      what: `${name} serves`,
      timeoutMs: 40_000,
    });
  }

  /** True when the write was acknowledged. */
  async put(name: string, key: string, value: string): Promise<boolean> {
    const answer = await this.#ask(name, key, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: `value=${value}`,
    });
    return answer?.ok === true;
  }

  /** Status and body of an answer, or undefined when there was none. */
  async #ask(name: string, key: string, init: RequestInit = {}): Promise<Response | undefined> {
    const url = `${this.clientUrl(name)}/v2/keys/${key}${init.method === 'PUT' ? '' : '?quorum=true'}`;
    return fetch(url, { ...init, signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
  }

  /** The body of a linearizable read; undefined when it failed. */
  async get(name: string, key: string): Promise<string | undefined> {
    const answer = await this.#ask(name, key);
    return answer?.ok === true ? answer.text() : undefined;
  }

  /** The body of a write's answer, whatever its status. */
  async putText(name: string, key: string): Promise<string> {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const answer = await this.#ask(name, key, { method: 'PUT', headers, body: 'value=x' });
    return answer === undefined ? 'no answer' : `${answer.status} ${await answer.text()}`;
  }
}

export class Machine {
  readonly child: ChildProcess;
  /** Exit code, or the signal's name. */
  readonly exit: Promise<number | string>;
  stderr = '';

  constructor(child: ChildProcess) {
    this.child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exit = new Promise((resolve) => {
      child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    });
  }

  /** An orderly stop. */
  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    await this.exit;
  }
}
