// drop [n1 n2]: everything on its way (from n1 to n2) is lost.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function drop(story: Story, args: Args): void {
  const [from, to] = args.words;
  story.queue = story.queue.filter(
    (message) => from !== undefined && (message.from !== from || message.to !== to),
  );
}
