// Runs command lines through our etcdctl, in this process, and through the real one.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { runEtcdctl } from '../../src/etcdctl/run.js';
import { realEtcdctl } from './servers.js';

export type Ran = { readonly stdout: string; readonly stderr: string; readonly code: number };

export type RunOptions = {
  readonly endpoints?: string;
  readonly input?: string | undefined;
  readonly environment?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
};

export async function ours(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const code = await runEtcdctl(words, {
    stdout: (text) => void (stdout += text),
    stderr: (text) => void (stderr += text),
    readInput: () => Promise.resolve(options.input),
    environment: { ETCDCTL_ENDPOINTS: options.endpoints, ...options.environment },
    signal: options.signal ?? new AbortController().signal,
  });
  return { stdout, stderr, code };
}

export async function real(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = spawn(realEtcdctl, words, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ETCDCTL_API: '2', ETCDCTL_ENDPOINTS: options.endpoints ?? '' },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const [code] = (await once(child, 'close')) as [number | null];
  return { stdout, stderr, code: code ?? -1 };
}
