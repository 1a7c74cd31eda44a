// What is said when something is wrong, and with which exit code; nothing is made in any of them.
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { inProcess, newHome } from './run.js';

const run = (...words: readonly string[]): ReturnType<typeof inProcess> =>
  inProcess(words, { home: newHome(onTestFinished) });

describe('a command line that cannot be', () => {
  it.each([
    [['upp'], /unknown command 'upp'[^]*Did you mean up\?/],
    [['up', '--centrall', '3'], /unknown option '--centrall'[^]*Did you mean --central\?/],
    [['up', '--central', 'three'], /E_USAGE \(2\) {2}--central three: a whole number is needed/],
    [['up', '--runtime', 'vm'], /--runtime vm: auto, process or docker/],
    [['up', '--cloud-config', 'x.yaml'], /--cloud-config x.yaml: give central=FILE or worker=FILE/],
    [['ls', '-o', 'xml'], /-o xml: table, wide, name, json, yaml are there/],
  ])('%j', async (words, message) => {
    const { code, stderr, stdout } = await run(...words);

    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(stdout).toBe('');
  });

  it('help goes to stdout and is no failure', async () => {
    const { code, stdout } = await run('--help');

    expect(code).toBe(0);
    for (const verb of ['up', 'down', 'status', 'fault', 'etcdctl', 'gc']) {
      expect(stdout).toMatch(new RegExp(`^ {2}${verb}\\b`, 'm'));
    }
    expect(stdout).toContain('7 no quorum');
  });
});

describe('what is not there', () => {
  it.each(['status', 'stop', 'start', 'down', 'env', 'wait'])('%s of no cluster', async (verb) => {
    const { code, stderr } = await run(verb);

    expect(code).toBe(3);
    expect(stderr).toMatch(/E_UNKNOWN_CLUSTER \(3\) {2}no cluster "default"; there is none/);
    expect(stderr).toMatch(/fix +corral up default/);
  });

  it('containers', async () => {
    const environment = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };
    const words = ['up', '--runtime', 'docker'];
    const { code, stderr } = await inProcess(words, { home: newHome(onTestFinished), environment });

    expect(code).toBe(5);
    expect(stderr).toMatch(/E_NO_DOCKER \(5\) {2}no Docker engine answers/);
    expect(stderr).toMatch(/Tried: DOCKER_HOST unix:\/\/\/nowhere\/docker.sock \(ENOENT\)/);
    expect(stderr).toContain('drop --runtime docker');
  });

  it('a cloud-config file', async () => {
    const { code, stderr } = await run('up', '--cloud-config', 'central=/no/such/file.yaml');

    expect(code).toBe(8);
    expect(stderr).toMatch(/E_CLOUD_CONFIG \(8\) {2}cannot read \/no\/such\/file.yaml: ENOENT/);
  });
});

describe('a cluster whose plan is damaged', () => {
  it('is named by ls beside the others, and removed by down', async () => {
    const home = newHome(onTestFinished);
    const folder = join(home, 'clusters', 'torn');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'plan.json'), '');

    const listed = await inProcess(['ls'], { home });
    const status = await inProcess(['status'], { home });
    const down = await inProcess(['down'], { home });

    expect([listed.code, status.code, down.code]).toEqual([0, 8, 0]);
    expect(listed.stderr).toContain('torn: the plan of cluster "torn" cannot be read');
    expect(status.stderr).toContain('corral down torn removes the cluster, with its data');
    expect(existsSync(folder)).toBe(false);
  });

  it('of several, down wants to know which', async () => {
    const home = newHome(onTestFinished);
    for (const name of ['a', 'b']) {
      mkdirSync(join(home, 'clusters', name), { recursive: true });
      writeFileSync(join(home, 'clusters', name, 'plan.json'), '');
    }

    const { code, stderr } = await inProcess(['down'], { home });

    expect(code).toBe(2);
    expect(stderr).toContain('which of a, b? Give a name, or --all');
    expect(readdirSync(join(home, 'clusters'))).toEqual(['a', 'b']);
  });
});

describe('up with something wrong makes nothing', () => {
  it('a bad name or number', async () => {
    const home = newHome(onTestFinished);
    const named = await inProcess(['up', 'My Cluster'], { home });
    const counted = await inProcess(['up', '--central', '0'], { home });

    expect([named.code, counted.code]).toEqual([8, 8]);
    expect(named.stderr).toContain('"My Cluster" is no name for a cluster');
    expect(counted.stderr).toContain('--central 0: between 1 and 99 central nodes');
    expect(existsSync(join(home, 'clusters'))).toBe(false);
  });

  it('a cloud-config with an unknown key: line, column, picture, what was meant', async () => {
    const home = newHome(onTestFinished);
    const file = join(home, 'central.yaml');
    writeFileSync(
      file,
      '#cloud-config\n\ncoreos:\n  etcd2:\n    advertise-client-url: http://$private_ipv4:2379\n',
    );

    const { code, stderr } = await inProcess(['up', '--cloud-config', `central=${file}`], { home });

    expect(code).toBe(8);
    expect(stderr).toContain(`E_CLOUD_CONFIG (8)  ${file}:5:5`);
    expect(stderr).toContain('5 |     advertise-client-url: http://$private_ipv4:2379');
    expect(stderr).toMatch(/\n {4}\| {5}\^\n/);
    expect(stderr).toContain('advertise-client-urls');
    expect(existsSync(join(home, 'clusters'))).toBe(false);
  });

  it('a central cloud-config without a store', async () => {
    const home = newHome(onTestFinished);
    const file = join(home, 'central.yaml');
    writeFileSync(file, '#cloud-config\nhostname: alone\n');
    const words = ['up', '--central', '1', '--cloud-config', `central=${file}`];

    const { code, stderr } = await inProcess(words, { home });

    expect(code).toBe(8);
    expect(stderr).toContain(`${file} has no coreos.etcd2 section: a central node is a member`);
    expect(existsSync(join(home, 'clusters'))).toBe(false);
  });

  it('a cloud-config that is no YAML', async () => {
    const home = newHome(onTestFinished);
    const file = join(home, 'central.yaml');
    writeFileSync(file, '#cloud-config\ncoreos:\n  etcd2: [1, 2\n');

    const { code, stderr } = await inProcess(['up', '--cloud-config', `central=${file}`], { home });

    expect(code).toBe(8);
    expect(stderr).toMatch(new RegExp(`${file}:\\d+:\\d+ `));
  });

  it('as JSON for programs: one object with id, message, remedies, details, exit code', async () => {
    const { code, stdout, stderr } = await run('up', '--central', '0', '-o', 'json');

    const error = JSON.parse(stdout) as Record<string, unknown>;
    expect(Object.keys(error)).toEqual([
      'id',
      'message',
      'cause',
      'remedies',
      'details',
      'exitCode',
    ]);
    expect(error).toMatchObject({ id: 'E_CONFIG', exitCode: 8, remedies: [] });
    expect(code).toBe(8);
    expect(stderr).not.toContain('E_CONFIG');
  });

  it('a port that another program holds on all addresses', async () => {
    const home = newHome(onTestFinished);
    const file = join(home, 'central.yaml');
    const server = createServer();
    server.listen({ host: '0.0.0.0', port: 0 });
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    writeFileSync(
      file,
      `#cloud-config\ncoreos:\n  etcd2:\n    listen-client-urls: http://$private_ipv4:${port}\n`,
    );

    const words = ['up', '--cloud-config', `central=${file}`, '--central', '1', '--workers', '0'];
    const { code, stderr } = await inProcess(words, { home });

    expect(code).toBe(5);
    expect(stderr).toMatch(
      new RegExp(`E_PORT_TAKEN \\(5\\) {2}Port ${port} is held by ".+", pid ${process.pid}`),
    );
    expect(stderr).toContain('Nothing was created');
    expect(existsSync(join(home, 'clusters')) ? readdirSync(join(home, 'clusters')) : []).toEqual(
      [],
    );
  });
});
