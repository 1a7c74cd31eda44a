// run: everything arrives, and what comes of it, until all is quiet. "run quietly" shows nothing.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function run(story: Story, args: Args): void {
  const shown = story.lines.length;
  story.run();
  if (args.words[0] === 'quietly') story.lines.length = shown;
}
