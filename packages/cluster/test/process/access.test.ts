// Programs, files and logs of a node that is a folder.
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openAccess } from '../../src/open-access.js';
import { makePlan } from '../../src/plan.js';
import { ClusterState } from '../../src/state.js';
import { stoppedStatus } from '../../src/status.js';
import { describeAccess } from '../access.contract.js';
import { keptEnds } from '../support/ends.js';

const home = mkdtempSync(join(tmpdir(), 'corral-access-'));
const spec = { name: 'a', central: 1, workers: 0, cloudConfigs: {}, ignoreUnknown: false };
const given = { number: 7, discoveryPort: 4000, token: 't', createdAt: '' };
const { plan } = makePlan(spec, given);
const state = new ClusterState(home, 'a');
state.writePlan(plan);
const [down] = stoppedStatus(plan).nodes;
const root = state.nodeRoot('n1');
mkdirSync(join(root, 'etc'), { recursive: true });
mkdirSync(state.nodeLogs('n1'), { recursive: true });
for (const name of ['hostname', 'profile']) writeFileSync(join(root, 'etc', name), 'n1\n');

afterAll(() => rmSync(home, { recursive: true, force: true }));

const environment = { PATH: process.env['PATH'], HOME: home };
const open = (more: Record<string, string> = {}) =>
  openAccess({
    state,
    plan,
    node: { ...down!, state: 'running', root },
    environment: { ...environment, ...more },
  });

describeAccess('process', () => ({
  access: open(),
  stopped: openAccess({ state, plan, node: { ...down!, state: 'killed' }, environment }),
  say: (unit, lines) => {
    const text = lines.map((line) => `${line}\n`).join('');
    appendFileSync(join(state.nodeLogs('n1'), `${unit}.log`), text);
    return Promise.resolve();
  },
}));

describe('a node that is a folder', () => {
  it('is where its programs run, with the addresses of its links', async () => {
    const ends = keptEnds();

    await open().run(['sh', '-c', 'pwd; echo $CORRAL_DIAL $CORRAL_NAME'], ends);

    expect(ends.out()).toBe(`${root}\n7.1 a\n`);
  });

  it('has no sshd and no engine, and says what there is instead', async () => {
    await expect(open().ssh()).rejects.toMatchObject({
      code: 'E_NODE_LACKS',
      message: 'nodes that are plain processes have no sshd',
      remedies: ['corral shell n1 -n a'],
    });
    await expect(open().dockerHost()).rejects.toMatchObject({ code: 'E_NODE_LACKS' });
  });

  it('has the shell of whoever asks, whose own start file comes first', async () => {
    writeFileSync(join(home, '.bashrc'), 'PS1="mine> "; echo started\n');
    const ends = keptEnds('echo "$0 $CORRAL_NODE_NAME"\nexit 4\n');
    const interactive = keptEnds();

    const code = await open({ SHELL: '/bin/bash' }).shell(ends);
    const rc = join(state.folder, 'shell', 'bashrc');
    const line = `set -- --rcfile ${rc}; . ${rc}; printf "%s" "$PS1"`;
    await open().run(['bash', '-c', line], interactive);

    expect([code, ends.out()]).toEqual([4, '/bin/bash n1\n']);
    expect(interactive.out()).toBe('started\n[n1] mine> ');
  });

  it('with another shell sets the prompt that sh knows', async () => {
    const ends = keptEnds('echo "$PS1"');

    await open({ SHELL: '/bin/sh' }).shell(ends);

    expect(ends.out()).toBe('[n1] \\$ \n');
  });

  it('without one uses /bin/sh', async () => {
    const ends = keptEnds('echo $0');

    await open({ SHELL: '' }).shell(ends);

    expect(ends.out()).toBe('/bin/sh\n');
  });

  it('its paths do not lead out of its root', async () => {
    const { files } = open();

    expect(await files.kindOf('/../../../../etc/passwd', { follow: true })).toBeUndefined();
    expect(await files.kindOf('/../etc/hostname', { follow: true })).toBe('file');
  });
});
