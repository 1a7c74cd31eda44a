// change n1 add n4: a membership change, proposed to n1.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

const kinds = ['add', 'remove', 'update'] as const;

export function change(story: Story, args: Args): void {
  const id = args.word(0);
  const kind = kinds.find((known) => known === args.word(1));
  if (kind === undefined) throw new Error(`a change is one of ${kinds.join(', ')}`);
  const context = new Uint8Array(0);
  const answer = story.core(id).proposeMembership({ kind, node: args.word(2), context });
  story.say(answer.ok ? `the change is ${answer.index}/${answer.term}` : answer.reason);
  story.pump(id);
}
