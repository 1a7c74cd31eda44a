// join n4: a new member with an empty disk.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function join(story: Story, args: Args): void {
  story.add(args.word(0), [], { log: [], term: undefined });
}
