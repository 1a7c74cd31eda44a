// Runs conformance stories. A story is a text file of steps: comment lines, command lines, a line
// "----" and what the store answered, up to an empty line (where there are several commands, each
// answer repeats its command). One command per line:
//
//   set|create|update|cas|delete|cad PATH [value=V] [dir] [exp=MS] [refresh] [unique]
//                                         [recursive] [prevValue=V] [prevIndex=N]
//   get PATH [recursive] [sorted]         expire NOW         fill COUNT PATH
//   watch NAME PATH [recursive] [stream] [since=N]           close NAME
//   reload                                (snapshot into a fresh store; watchers stay behind)
//
// Running a story with UPDATE_GOLDENS=1 writes the answers anew; review the difference.
import { Store } from '@corral/store';
import type { CommandResult, Event, NodeView, WriteCommand } from '@corral/store';

export type StoryOptions = { readonly historyMax?: number };

/** The story with the answers that the store really gives. */
export function runStory(text: string, options: StoryOptions = {}): string {
  const runner = new StoryRunner(options);
  const steps = text.trim().split(/\n\n+/);
  return `${steps.map((step) => runStep(runner, step)).join('\n\n')}\n`;
}

function runStep(runner: StoryRunner, step: string): string {
  const lines = step.split('\n');
  const rule = lines.indexOf('----');
  const head = rule < 0 ? lines : lines.slice(0, rule);
  const commands = head.filter((line) => !line.startsWith('#'));
  if (commands.length === 0) return head.join('\n');
  const several = commands.length > 1;
  const answers = commands.flatMap((line) => [
    ...(several ? [`> ${line}`] : []),
    ...runner.run(line),
  ]);
  return [...head, '----', ...answers].join('\n');
}

class StoryRunner {
  #store: Store;
  readonly #options: StoryOptions;
  readonly #closers = new Map<string, () => void>();
  #heard: string[] = [];

  constructor(options: StoryOptions) {
    this.#options = options;
    this.#store = this.#fresh();
  }

  run(line: string): string[] {
    this.#heard = [];
    const [verb = '', subject = '', ...words] = line.split(' ');
    const answer = this.#answer(verb, subject, new Parameters(words));
    return [...answer, ...this.#heard];
  }

  #answer(verb: string, subject: string, given: Parameters): string[] {
    const store = this.#store;
    switch (verb) {
      case 'get':
        return [
          ...printResult(
            store.get(subject, { recursive: given.has('recursive'), sorted: given.has('sorted') }),
          ),
        ];
      case 'expire':
        return store.expire(Number(subject)).flatMap((event) => printEvent(event));
      case 'fill':
        for (let count = Number(subject); count > 0; count -= 1) {
          store.apply(writeOf('set', given.first, new Parameters([])));
        }
        return [`index ${store.index}`];
      case 'watch':
        return this.#watch(subject, given);
      case 'close':
        this.#closers.get(subject)?.();
        return [`watchers ${store.stats().watchers}`];
      case 'reload':
        return this.#reload();
      default:
        return [...printResult(store.apply(writeOf(verb, subject, given)))];
    }
  }

  #watch(name: string, given: Parameters): string[] {
    const options = {
      path: given.first,
      recursive: given.has('recursive'),
      stream: given.has('stream'),
      sinceIndex: Number(given.text('since') ?? 0),
    };
    const result = this.#store.watch(options, (event) => {
      this.#heard.push(`  ${name} hears ${event.action} ${event.node.key} @${event.storeIndex}`);
    });
    if (!result.ok) return [...printResult(result)];
    this.#closers.set(name, () => result.watcher.close());
    return [`watching from index ${result.watcher.startIndex}`];
  }

  #reload(): string[] {
    const before = this.#store.hash();
    const snapshot = this.#store.beginSnapshot();
    const chunks: Uint8Array[] = [];
    for (let chunk = snapshot.next(64); chunk; chunk = snapshot.next(64)) chunks.push(chunk);
    this.#store = this.#fresh();
    this.#store.restore(chunks);
    return [`index ${this.#store.index}, hash ${this.#store.hash() === before ? 'same' : 'OTHER'}`];
  }

  #fresh(): Store {
    return new Store({ namespaces: ['/0', '/1'], ...this.#options });
  }
}

class Parameters {
  readonly #words: readonly string[];

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  get first(): string {
    return this.#words[0] ?? '';
  }

  has(name: string): boolean {
    return this.#words.includes(name);
  }

  text(name: string): string | undefined {
    return this.#words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
  }
}

function writeOf(verb: string, path: string, given: Parameters): WriteCommand {
  const expiration = given.text('exp');
  const content = {
    path,
    value: given.text('value') ?? '',
    dir: given.has('dir'),
    expiration: expiration === undefined ? undefined : Number(expiration),
    refresh: given.has('refresh'),
  };
  const compare = {
    prevValue: given.text('prevValue'),
    prevIndex: Number(given.text('prevIndex') ?? 0),
  };
  switch (verb) {
    case 'set':
    case 'update':
      return { kind: verb, ...content };
    case 'create':
      return { kind: verb, ...content, unique: given.has('unique') };
    case 'cas':
      return { kind: 'compareAndSwap', ...content, ...compare };
    case 'delete':
      return { kind: verb, path, dir: given.has('dir'), recursive: given.has('recursive') };
    case 'cad':
      return { kind: 'compareAndDelete', path, ...compare };
    default:
      throw new Error(`a story has no command "${verb}"`);
  }
}

function printResult(result: CommandResult): string[] {
  if (result.ok) return printEvent(result.event);
  const { code, cause, index } = result.error;
  return [`refused ${code} "${cause}" index ${index}`];
}

function printEvent(event: Event): string[] {
  const flags = `${event.created ? ', created' : ''}${event.refresh ? ', refresh' : ''}`;
  return [
    `${event.action} @${event.storeIndex}${flags}`,
    ...printNode('  node', event.node),
    ...(event.prevNode === undefined ? [] : printNode('  prev', event.prevNode)),
  ];
}

function printNode(label: string, node: NodeView): string[] {
  const parts = [
    node.key,
    ...(node.dir ? ['dir'] : []),
    ...(node.value === undefined ? [] : [JSON.stringify(node.value)]),
    ...(node.expiration === undefined ? [] : [`exp=${node.expiration}`]),
    `modified=${node.modifiedIndex}`,
    `created=${node.createdIndex}`,
  ];
  const children = (node.nodes ?? []).flatMap((child) => printNode(`${label}   `, child));
  return [`${label} ${parts.join(' ')}`, ...children];
}
