// disk n1 hold | disk n1 release: the disk keeps its answers back; it gives them all.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function disk(story: Story, args: Args): void {
  const id = args.word(0);
  if (args.word(1) === 'hold') story.hold(id);
  else story.release(id);
}
