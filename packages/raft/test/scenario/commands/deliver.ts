// deliver n1 n2 [last] [keep]: the oldest (or newest) message from n1 to n2 arrives; "keep" leaves a
// copy on its way.
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function deliver(story: Story, args: Args): void {
  const [from, to, ...how] = args.words;
  const fits = story.queue.filter((message) => message.from === from && message.to === to);
  const message = how.includes('last') ? fits.at(-1) : fits[0];
  if (message === undefined) throw new Error(`nothing is on its way from ${from} to ${to}`);
  if (!how.includes('keep')) story.queue.splice(story.queue.indexOf(message), 1);
  story.deliver(message);
}
