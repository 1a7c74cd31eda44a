// A tar archive on its way, with the heads of its entries changed.
import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, pack } from 'tar-stream';
import type { Header } from 'tar-stream';

/** The same archive; fails as the given one does. */
export function mapArchive(archive: Readable, change: (header: Header) => Header): Readable {
  const reader = extract();
  const writer = pack();
  const out = new PassThrough();
  const copied = (async () => {
    for await (const entry of reader) {
      // What pax says would win over what is changed; all of it is in the header.
      await pipeline(entry, writer.entry({ ...change(entry.header), pax: {} }));
    }
    writer.finalize();
  })();
  const fail = (error: unknown): void => {
    writer.destroy(error as Error);
    out.destroy(error as Error);
  };
  pipeline(archive, reader).catch(fail);
  copied.catch(fail);
  pipeline(writer, out).catch(fail);
  return out;
}
