// lost n2 n1: n2 has evidence that the process of its leader n1 is gone.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function lost(story: Story, args: Args): void {
  const id = args.word(0);
  story.core(id).leaderLost(args.word(1));
  story.pump(id);
}
