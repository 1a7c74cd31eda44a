// The words of a command: plain ones and key=value ones.

export class Args {
  readonly words: readonly string[];
  readonly #options: ReadonlyMap<string, string>;

  constructor(words: readonly string[]) {
    this.words = words.filter((word) => !word.includes('='));
    this.#options = new Map(
      words.filter((word) => word.includes('=')).map((word) => splitOnce(word)),
    );
  }

  /** The plain word at `position`. */
  word(position: number): string {
    const word = this.words[position];
    if (word === undefined) throw new Error(`word ${position + 1} is missing`);
    return word;
  }

  number(position: number): number {
    return parse(this.word(position));
  }

  option(name: string): string | undefined {
    return this.#options.get(name);
  }

  numberOption(name: string): number | undefined {
    const value = this.#options.get(name);
    return value === undefined ? undefined : parse(value);
  }

  get options(): ReadonlyMap<string, string> {
    return this.#options;
  }
}

function splitOnce(word: string): [string, string] {
  const at = word.indexOf('=');
  return [word.slice(0, at), word.slice(at + 1)];
}

function parse(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value)) throw new Error(`${text} is no number`);
  return value;
}
