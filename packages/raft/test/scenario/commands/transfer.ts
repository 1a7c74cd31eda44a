// transfer n1 n2: n1 hands its leadership to n2.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function transfer(story: Story, args: Args): void {
  const id = args.word(0);
  const answer = story.core(id).transferLeadership(args.word(1));
  if (!answer.ok) story.say(answer.reason);
  story.pump(id);
}
