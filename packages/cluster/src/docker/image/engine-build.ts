// One build on the engine: context in, image out, the failing step's own words in the error.
import { pipeline } from 'node:stream/promises';
import { Transform } from 'node:stream';
import tar from 'tar-stream';
import type { Pack } from 'tar-stream';
import { errorMessage } from '@corral/kit';
import { ClusterError } from '../../errors.js';
import type { Engine } from '../engine.js';
import { engineMessage } from '../engine.js';

export type EngineBuild = {
  readonly target: string;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly buildArguments: Readonly<Record<string, string>>;
  readonly pull: boolean;
  readonly writeContext: (pack: Pack) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
  readonly onLine?: ((line: string) => void) | undefined;
};

const logLinesMax = 20;

/** Throws ClusterError E_IMAGE_BUILD; containers of the build are removed by the engine. */
export async function buildOnEngine(engine: Engine, build: EngineBuild): Promise<void> {
  const { target, tags, signal } = build;
  const [first = '', ...more] = tags;
  const pack = tar.pack();
  const written = build.writeContext(pack).catch((error: unknown) => {
    pack.destroy(error as Error);
    throw error;
  });
  // A context that cannot be written is the cause; what the engine says of it is not.
  written.catch(() => undefined);
  const log: string[] = [];
  try {
    const answer = await engine.docker.buildImage(pack as unknown as NodeJS.ReadableStream, {
      t: first,
      target,
      labels: { ...build.labels },
      buildargs: { ...build.buildArguments },
      forcerm: true,
      pull: build.pull,
      ...(signal && { abortSignal: signal }),
    });
    await pipeline(answer, followBuild(build, log), { ...(signal && { signal }) });
    await written;
  } catch (error) {
    signal?.throwIfAborted();
    const own = await written.then(
      () => undefined,
      (cause: unknown) => cause,
    );
    if (own instanceof ClusterError) throw own;
    throw failedBuild(target, error, log);
  }
  const image = engine.docker.getImage(first);
  for (const tag of more) await retag(image, tag);
}

async function retag(
  image: { tag(options: { repo: string; tag: string }): Promise<unknown> },
  name: string,
): Promise<void> {
  const [repo = '', tag = 'latest'] = name.split(':');
  await image.tag({ repo, tag });
}

/** JSON lines of the engine: keeps the last words, fails with the first error among them. */
function followBuild(build: EngineBuild, log: string[]): Transform {
  let rest = '';
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const lines = (rest + chunk.toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      try {
        for (const line of lines) if (line.trim() !== '') takeLine(line, build, log);
        done();
      } catch (error) {
        done(error as Error);
      }
    },
  }).resume();
}

function takeLine(line: string, build: EngineBuild, log: string[]): void {
  const said = JSON.parse(line) as { readonly stream?: string; readonly error?: string };
  for (const text of (said.stream ?? '').replace(/\u001b\[[\d;]*m/g, '').split('\n')) {
    if (text.trim() === '') continue;
    log.push(text);
    if (log.length > logLinesMax) log.shift();
    build.onLine?.(text);
  }
  if (said.error !== undefined) throw new Error(said.error);
}

function failedBuild(target: string, error: unknown, log: readonly string[]): ClusterError {
  const why = engineMessage(error) || errorMessage(error);
  const full = /no space left on device/i.test(`${why}\n${log.join('\n')}`);
  const remedies = full
    ? ['free space where the engine keeps its images', 'corral image rm --all']
    : ['read the lines above', 'try again'];
  return new ClusterError('E_IMAGE_BUILD', `building the ${target} image failed: ${why}`, {
    cause: error,
    details: { log },
    remedies,
  });
}
