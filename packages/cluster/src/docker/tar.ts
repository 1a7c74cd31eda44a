// Files as one tar, the form in which the engine takes them.
import { pack } from 'tar-stream';

export type PutFile = {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
  readonly mode?: number;
  readonly uid?: number;
};

/** For `putArchive` at /. */
export async function tarOf(files: readonly PutFile[]): Promise<Buffer> {
  const archive = pack();
  for (const { path, text, mode = 0o644, uid = 0 } of files) {
    archive.entry({ name: path.replace(/^\//, ''), mode, uid, gid: uid }, text);
  }
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
