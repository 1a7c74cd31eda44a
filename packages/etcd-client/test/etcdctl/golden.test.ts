// Our etcdctl and Debian's against the same one-member server, line by line: standard output,
// standard error, exit code. Each works below a directory of its own; that name, indexes and times
// are masked. Lines that change nothing are compared as they are.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ours, real } from '../support/etcdctl.js';
import type { Ran } from '../support/etcdctl.js';
import { installed, ourEtcd, realEtcd, realEtcdctl, startServer } from '../support/servers.js';
import type { RunningServer } from '../support/servers.js';

/** `DIR` is the directory of the run; a line after `<` is standard input. */
const lines = [
  'set /DIR/a 1',
  'set /DIR/a 2',
  'set /DIR/a 3 --ttl 300',
  'set --ttl 300 /DIR/t x',
  'set -- /DIR/negative -5',
  'set /DIR/empty EMPTY',
  'set /DIR/stdin <from standard input\n',
  'set /DIR/stdin <',
  'set /DIR/a 4 --swap-with-value 3',
  'set /DIR/a 5 --swap-with-value 3',
  'set /DIR/a 5 --swap-with-index 1',
  'set --ttl abc /DIR/a 1',
  'set',
  'get /DIR/a',
  'get --quorum /DIR/a',
  'get /DIR/none',
  'get /DIR',
  'get /DIR/empty',
  'get',
  '-o json get /DIR/a',
  '-o json get /DIR/t',
  '-o extended get /DIR/a',
  '-o extended get /DIR/t',
  '-o bogus get /DIR/a',
  '--output=json get /DIR/none',
  'mk /DIR/made 1',
  'mk /DIR/made 2',
  'mk --in-order /DIR/queue v',
  'update /DIR/made 3',
  'update /DIR/none 3',
  'update --ttl 60 /DIR/made 4',
  '-o extended set /DIR/made 5',
  '-o json set /DIR/made 6',
  'mkdir /DIR/d',
  'mkdir /DIR/d',
  'mkdir --ttl 100 /DIR/d/ttl',
  '-o json mkdir /DIR/e',
  '-o extended mkdir /DIR/f',
  'updatedir --ttl 100 /DIR/d',
  'updatedir /DIR/none',
  'set /DIR/d 1',
  'set /DIR/d/x/y 1',
  'ls --sort /DIR',
  'ls --sort -p /DIR',
  'ls --sort --recursive -p /DIR',
  'ls /DIR/a',
  'ls /DIR/none',
  'ls --bogus /DIR',
  '-o json ls --sort /DIR/d/x',
  'rm /DIR/d',
  'rm --dir /DIR/d',
  'rmdir /DIR/d',
  'rmdir /DIR/e',
  'rm --dir /DIR/f',
  'rm --recursive /DIR/d',
  'rm /DIR/empty',
  'rm /DIR/a --with-value 1',
  'rm /DIR/a --with-value 4',
  '-o json rm /DIR/negative',
  '-o extended rm /DIR/t',
  'rm /DIR/none',
  'rm',
  'rmdir /DIR/made',
  'watch --after-index FIRST /DIR/a',
  'watch --recursive --after-index FIRST /DIR',
  'watch --after-index REMOVED /DIR/made',
  '-o json watch --after-index FIRST /DIR/a',
  '-o extended watch --after-index FIRST /DIR/a',
  'watch',
  'set / 1',
  'rm --recursive /',
  'member list',
  'member list extra',
  'member add',
  'member remove',
  'member remove abc',
  'member update',
  'member bogus',
  'cluster-health',
  'bogus',
  '--bogus get /DIR/a',
  '--timeout abc get /DIR/a',
  '--total-timeout 10s --timeout 500ms get /DIR/made',
  '--no-sync get /DIR/queue',
];
/** Change nothing: the same bytes. */
const reading = [
  'ls --sort /',
  'ls / --sort --recursive -p',
  '-o json ls --sort --recursive /',
  '-o extended get /dir-of-real/stdin',
  'get /',
  'member list',
  'cluster-health',
];
const unreachable = [
  '--endpoints http://127.0.0.1:1 get /a',
  '--endpoints http://127.0.0.1:1,http://127.0.0.1:2 member list',
  '--no-sync --endpoints http://127.0.0.1:1 set /a 1',
  '--endpoints http://127.0.0.1:1 cluster-health',
];

type Runner = typeof ours;
type Marks = { readonly first: string; readonly removed: string };

function masked({ stdout, stderr, code }: Ran, dir: string): Ran {
  const mask = (text: string): string =>
    text
      .replaceAll(dir, 'DIR')
      .replace(/("(?:created|modified)Index":|Index: )\d+/g, '$1#')
      .replace(/\[\d+\]$|(?<=\[\d+ != )\d+/gm, '[#]')
      .replace(/"expiration":"[^"]+"/g, '"expiration":"#"')
      .replace(/("ttl":|TTL: )(?!0)\d+/g, '$1#')
      .replace(/\/queue\/\d+/g, '/queue/#')
      // The original asks its endpoints in an order of chance.
      .replaceAll('dial tcp 127.0.0.1:2:', 'dial tcp 127.0.0.1:1:')
      // What follows these words is the program's own help text.
      .replace(/^(Incorrect Usage[^\n]*\n)[^]*$/, '$1');
  return { stdout: mask(stdout), stderr: mask(stderr), code };
}

async function runLine(
  run: Runner,
  line: string,
  where: { readonly endpoints: string; readonly dir: string; readonly marks?: Marks },
): Promise<Ran> {
  const [command = '', input] = line.split(' <');
  const words = command.split(' ').map((word) =>
    (word === 'EMPTY' ? '' : word)
      .replace('DIR', where.dir)
      .replace('FIRST', where.marks?.first ?? '')
      .replace('REMOVED', where.marks?.removed ?? ''),
  );
  return masked(await run(words, { endpoints: where.endpoints, input: input ?? '' }), where.dir);
}

/** The index before the first write below `dir`, and the one before the last removal of `made`. */
async function marksOf(endpoints: string, dir: string): Promise<Marks> {
  const index = async (words: string[]): Promise<number> => {
    const { stdout } = await ours(words, { endpoints });
    return (JSON.parse(stdout) as { node: { modifiedIndex: number } }).node.modifiedIndex;
  };
  const first = await index(['-o', 'json', 'set', `/marks/${dir}`, '1']);
  return { first: String(first), removed: '' };
}

const canCompare = installed(realEtcdctl);

describe.runIf(canCompare).each([
  ['our etcd2', ourEtcd],
  ['etcd', realEtcd],
])('against %s', (_name, program) => {
  const isThere = installed(program);
  let server: RunningServer | undefined;
  const dirs = { ours: 'dir-of-ours', real: 'dir-of-real' };
  const marks: { ours?: Marks; real?: Marks } = {};

  beforeAll(async () => {
    if (!isThere) return;
    server = await startServer(program);
    marks.ours = await marksOf(server.clientUrl, dirs.ours);
    marks.real = await marksOf(server.clientUrl, dirs.real);
  }, 60_000);
  afterAll(() => server?.stop());

  it.runIf(isThere).each(lines)('etcdctl %s', async (line) => {
    const endpoints = server?.clientUrl ?? '';
    if (line.includes('REMOVED')) {
      for (const who of ['ours', 'real'] as const) {
        const at = await ours(['-o', 'json', 'set', `/marks/${dirs[who]}`, '1'], { endpoints });
        const { node } = JSON.parse(at.stdout) as { node: { modifiedIndex: number } };
        await ours(['set', `/${dirs[who]}/made`, 'again'], { endpoints });
        await ours(['rm', `/${dirs[who]}/made`], { endpoints });
        const removed = String(node.modifiedIndex + 1);
        marks[who] = { first: marks[who]?.first ?? '', removed };
      }
    }
    const common = { endpoints };

    const expected = await runLine(real, line, {
      ...common,
      dir: dirs.real,
      ...(marks.real === undefined ? {} : { marks: marks.real }),
    });
    const actual = await runLine(ours, line, {
      ...common,
      dir: dirs.ours,
      ...(marks.ours === undefined ? {} : { marks: marks.ours }),
    });

    expect(actual).toEqual(expected);
  });

  it.runIf(isThere).each(reading)('etcdctl %s, byte for byte', async (line) => {
    const options = { endpoints: server?.clientUrl ?? '' };

    const expected = await real(line.split(' '), options);
    const actual = await ours(line.split(' '), options);

    expect(actual).toEqual(expected);
  });
});

describe.runIf(canCompare)('without a server', () => {
  it.each(unreachable)('etcdctl %s', async (line) => {
    const where = { endpoints: '', dir: 'none' };

    const expected = await runLine(real, line, where);
    const actual = await runLine(ours, line, where);

    expect(actual).toEqual(expected);
  });
});
