// campaign n1: an election at once.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function campaign(story: Story, args: Args): void {
  const id = args.word(0);
  story.core(id).campaign();
  story.pump(id);
}
