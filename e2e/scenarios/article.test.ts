// The article's three cloud-configs, as printed.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { World, runtimes } from '../support/world.js';

const folder = join(import.meta.dirname, '../../examples/article');
const load = (name: string): { file: string; text: string } => {
  const file = join(folder, name);
  return { file, text: readFileSync(file, 'utf8') };
};

describe.each(runtimes)("the article's cloud-configs on %s nodes", (runtime) => {
  it('central.yaml and worker.yaml boot three and two through the public discovery address', async () => {
    const cloudConfigs = { central: load('central.yaml'), worker: load('worker.yaml') };

    await using world = await World.boot({ runtime, cloudConfigs });

    const status = await world.cluster.status();
    expect(status.state).toBe('healthy');
    const client = await world.client(['w2']);
    await client.keys.set('/article', 'yes');
    await world.everywhere('/article', 'yes');
  });
});

// On containers it is another story: containers.test.ts.
describe("the article's core-01 on process nodes", () => {
  it('core-01.yaml boots a node of that name; docker and fleet are skipped with the reason', async () => {
    const cloudConfigs = { central: load('core-01.yaml') };

    await using world = await World.boot({ central: 1, workers: 0, cloudConfigs });

    const [node] = (await world.cluster.status()).nodes;
    expect(node?.name).toBe('core-01');
    const written = join(node?.root ?? '', 'etc/conf.d/nfs');
    expect(readFileSync(written, 'utf8')).toBe('OPTS_RPC_MOUNTD=""\n');
    expect(statSync(written).mode & 0o777).toBe(0o644);
    const skipped = (node?.units ?? []).filter((unit) => unit.state === 'skipped');
    expect(skipped.map((unit) => unit.name).sort()).toEqual(
      ['docker-tcp.socket', 'docker.service', 'fleet.service'].sort(),
    );
    for (const unit of skipped) expect(unit.reason).toMatch(/Docker|not there yet/);
  });
});
