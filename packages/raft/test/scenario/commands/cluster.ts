// cluster n1=1,1,2 n2=1 n3= [set.preVote=off] ...: members with the terms of their logs after 1/1.
import { defaultConfig } from '../../../src/index.js';
import type { Args } from '../args.js';
import type { Story } from '../story.js';

export function cluster(story: Story, args: Args): void {
  const config: Record<string, boolean | number> = {};
  const logs = new Map<string, readonly number[]>();
  for (const [name, value] of args.options) {
    if (name.startsWith('set.')) {
      const field = name.slice('set.'.length);
      if (!(field in defaultConfig)) throw new Error(`there is no setting ${field}`);
      config[field] = value === 'on' || value === 'off' ? value === 'on' : Number(value);
    } else {
      logs.set(name, value === '' ? [] : value.split(',').map(Number));
    }
  }
  story.configure(config);
  for (const [id, log] of logs) story.add(id, [...logs.keys()], { log, term: undefined });
}
