// crash n1: the process ends; what the disk has not answered is lost, and so is what comes in.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function crash(story: Story, args: Args): void {
  story.crash(args.word(0));
}
