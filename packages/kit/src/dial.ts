// Where a dialler inside a node really connects. A process-runtime cluster has a number C; node D
// listens on 127.C.0.D, and what node S dials for D goes to 127.C.S.D, where a relay of the keeper
// listens that knows both ends and can cut, delay or refuse that one directed pair. The runtime
// sets CORRAL_DIAL=C.S for each node; nothing else does. Without it every target stays as it is.

/** The environment variable that carries "C.S". Read by main.ts files only. */
export const dialVariable = 'CORRAL_DIAL';

/** Maps a host name or address to the one that is dialled. */
export type DialMap = (host: string) => string;

/** The dial map for a value of CORRAL_DIAL; undefined or malformed means "as it is". */
export function dialMapFrom(value: string | undefined): DialMap {
  const match = /^(\d{1,3})\.(\d{1,3})$/.exec(value ?? '');
  if (match === null || Number(match[1]) > 255 || Number(match[2]) > 255) return (host) => host;
  const [, cluster, source] = match;
  const prefix = `127.${cluster ?? ''}.0.`;
  return (host) =>
    host.startsWith(prefix) && host !== `${prefix}${source ?? ''}`
      ? `127.${cluster ?? ''}.${source ?? ''}.${host.slice(prefix.length)}`
      : host;
}
