// The contract of the runtime seam, on every implementation.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecordingLog } from '@corral/kit/testing';
import { seededPrng, systemClock } from '@corral/kit';
import { chooseDockerPlan } from '../src/docker/choose-plan.js';
import { keyOf } from '../src/docker/labels.js';
import { DockerRuntime } from '../src/docker/runtime.js';
import { chooseProcessPlan } from '../src/process/choose-plan.js';
import { findPrograms } from '../src/process/programs.js';
import { ProcessRuntime } from '../src/process/runtime.js';
import { ClusterState } from '../src/state.js';
import { makePlan } from '../src/plan.js';
import { containersHere } from './docker/engine-here.js';
import { MemoryRuntime } from './memory-runtime.js';
import { describeRuntime } from './runtime.contract.js';
import type { RuntimeUnderTest } from './runtime.contract.js';

const spec = { central: 2, workers: 0, ignoreUnknown: false };

describeRuntime('memory', async (): Promise<RuntimeUnderTest> => {
  const home = mkdtempSync(join(tmpdir(), 'corral-runtime-'));
  const runtime = new MemoryRuntime(home);
  const given = { number: 7, discoveryPort: 4000, token: 't', createdAt: '' };
  const { plan } = makePlan({ ...spec, name: 'memory', cloudConfigs: {} }, given);
  await runtime.discovery.start();
  const [one, two] = plan.nodes.map((node) => runtime.create(node));
  return {
    runtime,
    nodes: [one!, two!],
    down: 'refused',
    [Symbol.asyncDispose]: async () => {
      await runtime.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
});

// One-member clusters, so that a node alone can become ready.
const alone = {
  file: 'alone.yaml',
  text: `#cloud-config
coreos:
  etcd2:
    initial-cluster: alone=http://$private_ipv4:2380
    name: alone
    initial-advertise-peer-urls: http://$private_ipv4:2380
    listen-peer-urls: http://$private_ipv4:2380
    listen-client-urls: http://$private_ipv4:2379
    advertise-client-urls: http://$private_ipv4:2379
`,
};
let count = 0;

describeRuntime('process', async (): Promise<RuntimeUnderTest> => {
  const home = mkdtempSync(join(tmpdir(), 'corral-runtime-'));
  count += 1;
  const name = `runtime-${process.pid}-${count}`;
  const { plan } = await chooseProcessPlan(home, {
    ...spec,
    name,
    cloudConfigs: { central: alone },
  });
  const state = new ClusterState(home, name);
  state.writePlan(plan);
  const runtime = new ProcessRuntime({
    state,
    plan,
    clock: systemClock,
    prng: seededPrng(count),
    logger: new RecordingLog(),
    pid: process.pid,
    nodeBinary: process.execPath,
    hostPath: '/usr/bin:/bin',
    bootId: '',
    programs: findPrograms(import.meta.dirname),
  });
  await runtime.discovery.start();
  await runtime.setPlan(plan);
  const [one, two] = plan.nodes.map((node) => runtime.create(node));
  return {
    runtime,
    nodes: [one!, two!],
    down: 'refused',
    [Symbol.asyncDispose]: async () => {
      await Promise.all([one!.kill(), two!.kill()]);
      await runtime.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
});

const here = await containersHere();
if (here !== undefined) {
  const { engine } = here;
  describeRuntime('docker', async (): Promise<RuntimeUnderTest> => {
    const home = mkdtempSync(join(tmpdir(), 'corral-runtime-'));
    count += 1;
    const name = `runtime-${process.pid}-${count}`;
    const asked = { ...spec, name, runtime: 'docker' as const, cloudConfigs: { central: alone } };
    const { plan } = await chooseDockerPlan(engine, home, asked, []);
    const state = new ClusterState(home, name);
    state.writePlan(plan);
    const runtime = new DockerRuntime({
      engine,
      key: keyOf(state),
      plan,
      folder: state.folder,
      isNew: true,
      clock: systemClock,
      logger: new RecordingLog(),
    });
    const [one, two] = plan.nodes.map((node) => runtime.create(node));
    const close = async (): Promise<void> => {
      await runtime.close(true);
      rmSync(home, { recursive: true, force: true });
    };
    try {
      await runtime.discovery.start();
      await runtime.setPlan(plan);
    } catch (error) {
      await close();
      throw error;
    }
    return { runtime, nodes: [one!, two!], down: 'silent', [Symbol.asyncDispose]: close };
  });
}
