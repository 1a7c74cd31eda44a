// log [n1 ...]: what is on the disks.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function log(story: Story, args: Args): void {
  for (const id of args.words.length > 0 ? args.words : story.ids) {
    story.say(`${id} ${story.showLog(id)}`);
  }
}
