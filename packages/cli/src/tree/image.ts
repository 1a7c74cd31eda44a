// The words of image build, load, ls and rm; what they do is in commands/image.ts.
import type { Command } from 'commander';
import type { BuildFlags, RemoveFlags } from '../commands/image.js';
import type { CommonOptions } from '../commands/forms.js';
import type { Context } from '../context.js';
import { addListOutput, addOutput, addTalk } from './options.js';

export function addImages(program: Command, context: Context): void {
  const image = program
    .command('image')
    .helpCommand(false)
    .description('images of nodes and of single components: build, load, ls, rm');
  addTalk(
    addOutput(
      image
        .command('build')
        .description('build what is not there yet, without a registry unless one is asked for')
        .argument('[targets...]', 'node, etcd2, discovery-service, coreos-cloudinit, cli; or all')
        .option('--mirror <url>', 'the mirror of Debian to take packages from')
        .option('--base <image>', 'build on this image, which has Node and apt')
        .option(
          '--pull',
          'fetch the base image first (node:20-bookworm-slim unless --base names it)',
        ),
    ),
  ).action(async (targets: readonly string[], flags: BuildFlags) =>
    (await import('../commands/image.js')).runImageBuild(targets, flags, context),
  );
  addTalk(
    addOutput(
      image
        .command('load')
        .description('take images from an archive of docker save; "-" is stdin')
        .argument('<file>'),
    ),
  ).action(async (file: string, flags: CommonOptions) =>
    (await import('../commands/image.js')).runImageLoad(file, flags, context),
  );
  addTalk(addListOutput(image.command('ls').description('images of Corral on the engine'))).action(
    async (flags: CommonOptions) =>
      (await import('../commands/image.js')).runImageList(flags, context),
  );
  addTalk(
    addOutput(
      image
        .command('rm')
        .description('remove images by target, tag or reference')
        .argument('[names...]')
        .option('--all', 'all of them, with the Debian they are made on'),
    ),
  ).action(async (names: readonly string[], flags: RemoveFlags) =>
    (await import('../commands/image.js')).runImageRemove(names, flags, context),
  );
}
