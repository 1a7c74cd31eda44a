// propose n1 x y: commands, all in one turn.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function propose(story: Story, args: Args): void {
  const [id, ...commands] = args.words;
  for (const command of commands) {
    const data = Uint8Array.from(command, (letter) => letter.charCodeAt(0));
    const answer = story.core(id!).propose(data);
    story.say(answer.ok ? `${command} is ${answer.index}/${answer.term}` : answer.reason);
  }
  story.pump(id!);
}
