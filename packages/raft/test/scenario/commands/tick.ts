// tick n1 10: time passes at one member.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function tick(story: Story, args: Args): void {
  const id = args.word(0);
  const count = args.words.length > 1 ? args.number(1) : 1;
  for (let i = 0; i < count; i += 1) {
    story.core(id).tick();
    story.pump(id);
  }
}
