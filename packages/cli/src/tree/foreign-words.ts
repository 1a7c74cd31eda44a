// Where the words of another program begin on a command line: `exec NODE -n NAME -- CMD ARGS`.
import type { Command } from 'commander';

/**
 * The words with a `--` before those that belong to the program which the command runs, for a command
 * whose last argument is `<command...>` or `[command...]`. Its own options may stand anywhere before
 * that. Where there is a `--`, it decides; else the first word that is neither an option nor one of
 * the arguments before. Words of all other commands stay as they are.
 */
export function delimitForeignWords(program: Command, words: readonly string[]): readonly string[] {
  const command = program.commands.find((one) => one.name() === words[0]);
  const last = command?.registeredArguments.at(-1);
  if (command === undefined || last?.name() !== 'command') return words;
  let places = command.registeredArguments.length - 1;
  for (let i = 1; i < words.length; i += 1) {
    const word = words[i] ?? '';
    if (word === '--') return words;
    if (word.startsWith('-') && word !== '-') {
      if (takesNextWord(command, word)) i += 1;
    } else if (places > 0) places -= 1;
    else return [...words.slice(0, i), '--', ...words.slice(i)];
  }
  return words;
}

/** `-n NAME`, `--name NAME`; not `-nNAME`, `--name=NAME`, nor a flag. */
function takesNextWord(command: Command, word: string): boolean {
  const option = command.options.find((one) => one.short === word || one.long === word);
  return option?.required === true;
}
