// Commands on keys.
import type { KeyResponse } from '../answers.js';
import { readNumber } from './flags.js';
import { renderListing, renderResponse, renderSimple } from './output.js';
import { EtcdctlExit } from './run.js';
import type { CommandContext } from './run.js';

export async function runKeyCommand(context: CommandContext): Promise<number> {
  const { parsed, client } = context;
  const { command, flags } = parsed;
  const key = (): string => {
    const [word] = parsed.words;
    if (word === undefined) throw new EtcdctlExit(1, 'Error:  key required\n');
    return word;
  };
  const has = (...names: readonly string[]): boolean => names.some((name) => flags.has(name));
  const ttl = readNumber(parsed, 'ttl');
  const keep = ttl === 0 ? {} : { ttl };
  switch (command) {
    case 'get': {
      const options = { sorted: has('sort'), quorum: has('quorum', 'q') };
      const response = await client.keys.get(key(), options);
      if (response.node.dir) throw new EtcdctlExit(1, `${response.node.key}: is a directory\n`);
      return print(context, response);
    }
    case 'set': {
      const prevIndex = readNumber(parsed, 'swap-with-index');
      const prevValue = flags.get('swap-with-value') || undefined;
      const options = { ...keep, prevValue, prevIndex: prevIndex === 0 ? undefined : prevIndex };
      return print(context, await client.keys.set(key(), await readValue(context), options));
    }
    case 'mk': {
      const value = await readValue(context);
      const response = has('in-order')
        ? await client.keys.createInOrder(key(), value, keep)
        : await client.keys.set(key(), value, { ...keep, prevExist: false });
      return print(context, response);
    }
    case 'update': {
      const options = { ...keep, prevExist: true };
      return print(context, await client.keys.set(key(), await readValue(context), options));
    }
    case 'mkdir':
    case 'setdir':
    case 'updatedir': {
      const prevExist = { mkdir: false, setdir: undefined, updatedir: true }[command];
      const options = { ...keep, dir: true, prevExist };
      return print(context, await client.keys.set(key(), undefined, options), () => '');
    }
    case 'rm':
    case 'rmdir':
      return remove(context, key());
    case 'ls': {
      const options = {
        sorted: has('sort'),
        recursive: has('recursive', 'r'),
        quorum: has('quorum', 'q'),
      };
      const response = await client.keys.get(parsed.words[0] ?? '/', options);
      return print(context, response, ({ node }) => renderListing(node, has('p')));
    }
    case 'watch':
      return watch(context, key());
    default:
      throw new EtcdctlExit(3, `No help topic for '${command}'\n`);
  }
}

async function remove(context: CommandContext, key: string): Promise<number> {
  const { client, parsed } = context;
  const { flags, command } = parsed;
  const prevIndex = readNumber(parsed, 'with-index');
  const recursive = flags.has('recursive') || flags.has('r');
  const response = await client.keys.delete(key, {
    dir: command === 'rmdir' || flags.has('dir'),
    recursive,
    prevValue: flags.get('with-value') || undefined,
    prevIndex: prevIndex === 0 ? undefined : prevIndex,
  });
  return print(context, response);
}

async function watch(context: CommandContext, key: string): Promise<number> {
  const { client, parsed, signal } = context;
  const { flags } = parsed;
  const recursive = flags.has('recursive') || flags.has('r');
  const forever = flags.has('forever') || flags.has('f');
  const afterIndex = readNumber(parsed, 'after-index');
  const waitIndex = afterIndex === 0 ? {} : { waitIndex: afterIndex + 1 };
  try {
    for await (const event of client.watch(key, { recursive, signal, ...waitIndex })) {
      if (!event.node.dir) {
        if (recursive) context.stdout(`[${event.action}] ${event.node.key}\n`);
        print(context, event);
      }
      if (!forever) return 0;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return 0;
}

function print(
  context: CommandContext,
  response: KeyResponse,
  simple: (response: KeyResponse) => string = renderSimple,
): number {
  const { stdout, stderr } = renderResponse(context.form, response, simple);
  if (stdout !== '') context.stdout(stdout);
  if (stderr !== '') context.stderr(stderr);
  return 0;
}

/** The second word, or standard input as it is. */
async function readValue({ parsed, readInput }: CommandContext): Promise<string> {
  const [, word] = parsed.words;
  if (word !== undefined) return word;
  const value = await readInput();
  if (value === undefined || value === '') throw new EtcdctlExit(1, 'Error:  value required\n');
  return value;
}
