// read n1 7: a linearizable read with the id 7, asked of n1.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function read(story: Story, args: Args): void {
  const id = args.word(0);
  const answer = story.core(id).requestRead(args.number(1));
  if (!answer.ok) story.say(answer.reason);
  story.pump(id);
}
