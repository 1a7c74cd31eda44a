// Tells a story: blocks of commands, each followed by what came of it. `#` begins a comment.
import { campaign } from './commands/campaign.js';
import { change } from './commands/change.js';
import { cluster } from './commands/cluster.js';
import { compact } from './commands/compact.js';
import { crash } from './commands/crash.js';
import { cut } from './commands/cut.js';
import { deliver } from './commands/deliver.js';
import { disk } from './commands/disk.js';
import { drop } from './commands/drop.js';
import { heal } from './commands/heal.js';
import { join } from './commands/join.js';
import { log } from './commands/log.js';
import { lost } from './commands/lost.js';
import { propose } from './commands/propose.js';
import { read } from './commands/read.js';
import { restart } from './commands/restart.js';
import { run } from './commands/run.js';
import { status } from './commands/status.js';
import { tick } from './commands/tick.js';
import { transfer } from './commands/transfer.js';
import { unreachable } from './commands/unreachable.js';
import { wake } from './commands/wake.js';
import { Args } from './args.js';
import { Story } from './story.js';

const commands = {
  campaign,
  change,
  cluster,
  compact,
  crash,
  cut,
  deliver,
  disk,
  drop,
  heal,
  join,
  log,
  lost,
  propose,
  read,
  restart,
  run,
  status,
  tick,
  transfer,
  unreachable,
  wake,
} satisfies Readonly<Record<string, (story: Story, args: Args) => void>>;

const divider = '----';

/** The story with the answers that the core gives now. */
export function tell(text: string): string {
  const story = new Story();
  const told: string[] = [];
  let answering = false;
  for (const line of text.trimEnd().split('\n')) {
    if (line === divider) answering = true;
    else if (line === '') {
      if (answering) told.push(divider, ...story.lines.splice(0));
      told.push('');
      answering = false;
    } else if (!answering) {
      told.push(line);
      if (!line.startsWith('#')) act(story, line);
    }
  }
  if (answering) told.push(divider, ...story.lines);
  return `${told.join('\n')}\n`;
}

function act(story: Story, line: string): void {
  const [name = '', ...words] = line.split(' ');
  const command = Object.entries(commands).find(([known]) => known === name)?.[1];
  if (command === undefined) throw new Error(`there is no command ${name}`);
  try {
    command(story, new Args(words));
  } catch (error) {
    throw new Error(`"${line}" failed`, { cause: error });
  }
}
