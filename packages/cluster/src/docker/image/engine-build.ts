// One build on the engine: context in, image out, the failing step's own words in the error.
import tar from 'tar-stream';
import type { Pack } from 'tar-stream';
import { ClusterError } from '../../errors.js';
import type { Engine } from '../engine.js';
import { engineMessage } from '../engine.js';
import { followEngine } from './engine-lines.js';
import { removeNameless } from './stored.js';

export type EngineBuild = {
  /** A stage of the Dockerfile. */
  readonly target: string;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly buildArguments: Readonly<Record<string, string>>;
  /** Writes the build context and ends it. */
  readonly writeContext: (pack: Pack) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
  readonly onLine?: ((line: string) => void) | undefined;
};

const logLinesMax = 20;

/** Throws ClusterError E_IMAGE_BUILD. A build that fails or is given up leaves nothing behind. */
export async function buildOnEngine(engine: Engine, build: EngineBuild): Promise<void> {
  const { target, tags, signal } = build;
  const [first = '', ...more] = tags;
  const pack = tar.pack();
  // A context that cannot be written is the cause; what the engine says of the rest is not.
  let broken: unknown;
  const written = build.writeContext(pack).catch((error: unknown) => {
    broken = error;
    pack.destroy(error as Error);
  });
  const said = new BuildLog(build.onLine);
  try {
    const answer = await engine.docker.buildImage(pack as unknown as NodeJS.ReadableStream, {
      t: first,
      target,
      labels: { ...build.labels },
      buildargs: { ...build.buildArguments },
      forcerm: true,
      ...(signal && { abortSignal: signal }),
    });
    await followEngine(answer, ({ stream = '' }) => said.take(stream));
    await written;
  } catch (error) {
    pack.destroy();
    await written;
    await said.removeUnfinished(engine);
    signal?.throwIfAborted();
    if (broken instanceof ClusterError) throw broken;
    throw failedBuild(target, broken ?? error, said.lines);
  }
  const image = engine.docker.getImage(first);
  for (const name of more) {
    const [repo = '', tag = 'latest'] = name.split(':');
    await image.tag({ repo, tag });
  }
}

/** The last lines of a build, and the layer that it came to. */
class BuildLog {
  readonly lines: string[] = [];
  readonly #onLine: ((line: string) => void) | undefined;
  #layer: string | undefined;

  constructor(onLine: ((line: string) => void) | undefined) {
    this.#onLine = onLine;
  }

  take(stream: string): void {
    // Steps that write to stderr come in red.
    for (const text of stream.replace(/\u001b\[[\d;]*m/g, '').split('\n')) {
      if (text.trim() === '') continue;
      this.#layer = /^ ---> ([0-9a-f]{12})$/.exec(text)?.[1] ?? this.#layer;
      this.lines.push(text);
      if (this.lines.length > logLinesMax) this.lines.shift();
      this.#onLine?.(text);
    }
  }

  /** The engine keeps the layers of a build that failed as an image without a name. */
  async removeUnfinished(engine: Engine): Promise<void> {
    if (this.#layer !== undefined) await removeNameless(engine, this.#layer);
  }
}

function failedBuild(target: string, error: unknown, log: readonly string[]): ClusterError {
  const why = engineMessage(error);
  const full = /no space left on device/i.test(`${why}\n${log.join('\n')}`);
  const remedies = full
    ? ['free space where the engine keeps its images', 'corral image rm --all']
    : ['read the lines above', 'corral image build --verbose shows all of them'];
  return new ClusterError('E_IMAGE_BUILD', `building the ${target} image failed: ${why}`, {
    cause: error,
    details: { log },
    remedies,
  });
}
