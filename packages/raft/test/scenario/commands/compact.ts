// compact n1 5 [keep=4]: n1 has a durable snapshot of 5; entries before `keep` go.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function compact(story: Story, args: Args): void {
  const index = args.number(1);
  story.compact(args.word(0), index, args.numberOption('keep') ?? index + 1);
}
