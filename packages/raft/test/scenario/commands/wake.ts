// wake n1: the time that it asked for has come.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function wake(story: Story, args: Args): void {
  story.wake(args.word(0));
}
