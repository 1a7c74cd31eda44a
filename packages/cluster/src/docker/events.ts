// When a container of a cluster comes up without having been asked: after a reboot inside, or after a
// restart of the engine. The engine tells it as a stream, which ends with the engine.
import { Readable } from 'node:stream';
import type { Clock } from '@corral/kit';
import type { Engine } from './engine.js';
import { clusterFilter, nodeLabel } from './labels.js';
import type { ClusterKey } from './labels.js';

const againMs = 500;

/** Calls `onStart` with the name of each node that starts, until it is closed. */
export function watchStarts(
  { docker }: Engine,
  key: ClusterKey,
  clock: Clock,
  onStart: (node: string) => void,
): { close(): void } {
  const end = new AbortController();
  let close = (): void => undefined;
  const filters = { ...clusterFilter(key), type: ['container'], event: ['start'] };
  const listen = async (): Promise<void> => {
    while (!end.signal.aborted) {
      try {
        const events = await docker.getEvents({ filters: JSON.stringify(filters) });
        const whole = Readable.from(events as AsyncIterable<unknown>);
        close = () => void whole.destroy();
        // Closed while it was opened.
        end.signal.throwIfAborted();
        await readEvents(whole, onStart);
      } catch {
        // It is asked again: an engine that restarts is away for a while.
      }
      await clock.sleep(againMs, { signal: end.signal }).catch(() => undefined);
    }
    close();
  };
  void listen();
  return {
    close() {
      end.abort();
      close();
    },
  };
}

/** Resolves when the stream ends. A piece may hold several lines, or a part of one. */
export async function readEvents(
  stream: AsyncIterable<unknown>,
  onStart: (node: string) => void,
): Promise<void> {
  let rest = '';
  for await (const piece of stream) {
    const lines = (rest + String(piece)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = JSON.parse(line) as {
        readonly Actor?: { readonly Attributes?: Readonly<Record<string, string>> };
      };
      const node = event.Actor?.Attributes?.[nodeLabel];
      if (node !== undefined) onStart(node);
    }
  }
}
