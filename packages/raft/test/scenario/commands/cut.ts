// cut n1 n2 n3: nothing passes between n1 and the others named, until "heal".
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function cut(story: Story, args: Args): void {
  const [id, ...others] = args.words;
  for (const other of others) story.cut(id!, other);
}
