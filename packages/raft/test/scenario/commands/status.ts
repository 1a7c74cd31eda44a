// status [n1 ...]: who is what, and how far; a leader's idea of the others.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function status(story: Story, args: Args): void {
  for (const id of args.words.length > 0 ? args.words : story.ids) {
    const { role, term, leader, commit, applied, voters, progress } = story.core(id).status();
    const place = `commit ${commit} applied ${applied} voters ${voters.join(' ')}`;
    story.say(`${id} ${role} term ${term} leader ${leader ?? '-'} ${place}`);
    for (const [other, { state, match, next, inflight }] of progress) {
      story.say(`  ${other} ${state} match ${match} next ${next} inflight ${inflight}`);
    }
  }
}
