// restart n1: it starts from what its disk holds.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function restart(story: Story, args: Args): void {
  story.start(args.word(0));
}
