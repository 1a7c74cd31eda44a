// The words of up, down, start, stop, status, ls and gc; what they do is in commands/.
import type { Command } from 'commander';
import type { DownFlags } from '../commands/down.js';
import type { StatusFlags } from '../commands/status.js';
import type { UpFlags } from '../commands/up.js';
import type { CommonOptions } from '../commands/forms.js';
import type { Context } from '../context.js';
import { addConsent, addListOutput, addName, addOutput, addTalk } from './options.js';

type Exit = (code: number) => void;

export function addLifecycle(program: Command, context: Context, exit: Exit): void {
  addUp(program, context);
  const down = program
    .command('down')
    .description('remove a cluster and everything it made')
    .argument('[name]', 'name of the cluster')
    .option('--all', 'all clusters');
  addConsent(addOutput(addName(down))).action(async (name: string | undefined, flags: DownFlags) =>
    (await import('../commands/down.js')).runDown(name, flags, context),
  );
  const start = program
    .command('start')
    .description('bring a stopped cluster back with its data')
    .argument('[name]', 'name of the cluster')
    .option('--timeout <duration>', 'give up after, and stop it again');
  addOutput(addName(start)).action(
    async (name: string | undefined, flags: CommonOptions & { readonly timeout?: string }) =>
      (await import('../commands/up.js')).runStart(name, flags, context),
  );
  const stop = program
    .command('stop')
    .description('end all processes of a cluster; its data stay')
    .argument('[name]', 'name of the cluster');
  addOutput(addName(stop)).action(async (name: string | undefined, flags: CommonOptions) =>
    (await import('../commands/down.js')).runStop(name, flags, context),
  );
  const status = program
    .command('status')
    .description('who leads, who lags, who is missing and why')
    .argument('[name]', 'name of the cluster')
    .option('-w, --watch', 'show it again whenever it changes');
  addListOutput(addName(status)).action(async (name: string | undefined, flags: StatusFlags) =>
    (await import('../commands/status.js')).runStatus(name, flags, context, exit),
  );
  addTalk(addListOutput(program.command('ls').description('all clusters'))).action(
    async (flags: CommonOptions) => (await import('../commands/status.js')).runList(flags, context),
  );
  const gc = program
    .command('gc')
    .description('remove what killed commands left behind')
    .option('--dry-run', 'only say what would go');
  addTalk(addOutput(gc)).action(async (flags: CommonOptions & { readonly dryRun?: boolean }) =>
    (await import('../commands/down.js')).runGc(flags, context),
  );
}

function addUp(program: Command, context: Context): void {
  const collect = (value: string, before: readonly string[]): readonly string[] => [
    ...before,
    value,
  ];
  const up = program
    .command('up')
    .description('boot a cluster: 3 central nodes and 2 workers unless told otherwise')
    .argument('[name]', 'name of the cluster')
    .option('--runtime <runtime>', 'auto, process or docker (auto unless told otherwise)')
    .option('--central <n>', 'central nodes (3 unless told otherwise)')
    .option('--workers <n>', 'workers (2 unless told otherwise)')
    .option('--cloud-config <role=file>', 'cloud-config of a role (central, worker)', collect, [])
    .option('--ignore-unknown', 'unknown keys in a cloud-config are warnings')
    .option('--recreate', 'remove a cluster of this name first, with its data')
    .option('--keep-on-failure', 'leave what was made when the boot fails, to look at it')
    .option('--timeout <duration>', 'give up after, and undo what was made');
  addConsent(addOutput(addName(up))).action(async (name: string | undefined, flags: UpFlags) =>
    (await import('../commands/up.js')).runUp(name, flags, context),
  );
}
