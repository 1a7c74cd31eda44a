// unreachable n1 n2: n1's transport lost its connection to n2.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function unreachable(story: Story, args: Args): void {
  const id = args.word(0);
  story.core(id).reportUnreachable(args.word(1));
  story.pump(id);
}
