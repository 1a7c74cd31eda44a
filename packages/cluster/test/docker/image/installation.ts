// An installation of Corral as small as images can be made of: the real docker/ folder, and compiled
// packages of one file each. Gone when the scope ends.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { installationFolder } from '../../../src/docker/image/sources.js';

const packages =
  'kit raft store kv-raft proxy etcd-client discovery-service cloudinit units cluster cli'.split(
    ' ',
  );

export function smallInstallation(): {
  readonly folder: string;
  /** Writes a file below the folder. */
  readonly put: (path: string, text: string) => void;
} & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'corral-installation-'));
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  cpSync(join(installationFolder(), 'docker'), join(folder, 'docker'), { recursive: true });
  put('tools/bundle.js', '// bundles\n');
  put('package.json', '{}');
  const lock = {
    packages: {
      '': {},
      'packages/cli': { bin: { corral: './bin/corral.js' } },
      'node_modules/@corral/cli': { resolved: 'packages/cli', link: true },
      'node_modules/yaml': {},
      'node_modules/vitest': { dev: true },
      'packages/cli/node_modules/yaml': {},
    },
  };
  put('package-lock.json', JSON.stringify(lock));
  put('node_modules/yaml/index.js', 'yaml');
  put('node_modules/yaml/index.d.ts', 'types');
  put('node_modules/yaml/README.md', 'paper');
  put('node_modules/vitest/index.js', 'vitest');
  put('packages/cli/node_modules/yaml/index.js', 'another yaml');
  put('packages/cli/bin/corral.js', '#!/usr/bin/env node\n');
  for (const name of packages) {
    put(`packages/${name}/package.json`, '{}');
    put(`packages/${name}/dist/index.js`, `export const name = '${name}';\n`);
  }
  return { folder, put, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}
