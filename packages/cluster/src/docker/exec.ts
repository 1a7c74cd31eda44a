// A program inside a container, its whole output and its exit code: for what the runtime itself does
// there. Programs of the user, with a terminal and streams, are access.ts's.
import { PassThrough } from 'node:stream';
import { ClusterError } from '../errors.js';
import { engineMessage } from './engine.js';
import type { Engine } from './engine.js';

export type ExecResult = {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
};

const outputMax = 1024 * 1024;

/** Runs as root; a code other than 0 is a result. Throws ClusterError E_FAILED when it cannot run. */
export async function execIn(
  { docker }: Engine,
  container: string,
  words: readonly string[],
  options: { readonly stdin?: string } = {},
): Promise<ExecResult> {
  const input = options.stdin;
  try {
    const exec = await docker.getContainer(container).exec({
      Cmd: [...words],
      AttachStdout: true,
      AttachStderr: true,
      AttachStdin: input !== undefined,
    });
    const stream = await exec.start({ hijack: true, stdin: input !== undefined });
    const [stdout, stderr] = [collect(), collect()];
    docker.modem.demuxStream(stream, stdout.stream, stderr.stream);
    await new Promise<void>((resolve, reject) => {
      stream.once('end', resolve);
      stream.once('close', resolve);
      stream.once('error', reject);
      if (input !== undefined) stream.end(input);
    });
    const { ExitCode: code } = await exec.inspect();
    return { code: code ?? -1, stdout: stdout.text(), stderr: stderr.text() };
  } catch (error) {
    throw new ClusterError('E_FAILED', `${words[0] ?? ''} cannot run: ${engineMessage(error)}`, {
      cause: error,
    });
  }
}

function collect(): { readonly stream: PassThrough; text(): string } {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= outputMax) chunks.push(chunk);
  });
  return { stream, text: () => Buffer.concat(chunks).toString('utf8') };
}
