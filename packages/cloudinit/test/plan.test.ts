import { describe, expect, it } from 'vitest';
import { parseUserData } from '../src/config.js';
import { planCloudConfig } from '../src/plan.js';
import type { Step } from '../src/plan.js';

function plan(body: string): Step[] {
  const data = parseUserData(`#cloud-config\n${body}`);
  if (data.kind !== 'cloud-config') throw new Error(JSON.stringify(data));
  return planCloudConfig(data.config, {});
}

/** The steps without the four implicit unmasks, in short. */
function short(steps: readonly Step[]): string[] {
  const implicit = /\/(etcd|etcd2|fleet|locksmithd)\.service$/;
  return steps.flatMap((step) => {
    if (step.kind === 'unmask' && implicit.test(step.path)) return [];
    if (step.kind === 'file') return [`file ${step.path} ${step.mode.toString(8)}`];
    if (step.kind === 'unit-command') return [`${step.command} ${step.unit}`];
    if (step.kind === 'enable') return [`enable ${step.unit}`];
    if (step.kind === 'mask' || step.kind === 'unmask') return [`${step.kind} ${step.path}`];
    return [step.kind === 'note' ? step.text : step.kind];
  });
}

describe('a plan', () => {
  it('places all units, reloads once, restarts the network, then runs commands in order', () => {
    const steps = plan(
      'coreos:\n  units:\n' +
        '    - {name: b.service, content: x, command: start, drop-ins: [{name: 1.conf, content: y}]}\n' +
        '    - {name: 10-a.network, content: z, command: start, enable: true}\n' +
        '    - {name: a.service, command: restart, runtime: true, enable: true}\n' +
        '    - {command: start}\n',
    );

    expect(short(steps)).toEqual([
      'file /etc/systemd/system/b.service 644',
      'file /etc/systemd/system/b.service.d/1.conf 644',
      'file /etc/systemd/network/10-a.network 644',
      'Skipping enable for network-like unit "10-a.network"',
      'unmask /run/systemd/system/a.service',
      'enable a.service',
      'Skipping unit without name',
      'daemon-reload',
      'restart systemd-networkd.service',
      'start b.service',
      'restart a.service',
    ]);
  });

  it('does nothing for a drop-in without name or content, and does not reload', () => {
    const steps = plan(
      'coreos:\n  units:\n    - {name: a.service, drop-ins: [{name: x}, {content: y}]}\n',
    );

    expect(short(steps)).toEqual([]);
  });

  it('masks after the implicit unmask when updates are off, and stops the daemon last', () => {
    const steps = plan(
      'coreos:\n  update: {reboot-strategy: off, group: beta}\n  units: [{name: x.service, command: start}]\n',
    );

    expect(short(steps)).toEqual([
      'update-conf',
      'mask /run/systemd/system/locksmithd.service',
      'start x.service',
      'stop locksmithd.service',
      'restart update-engine.service',
    ]);
  });

  it('keeps the lower nine bits of permissions, read in base 8 with or without a zero', () => {
    const steps = plan(
      'write_files:\n  - {path: /a, permissions: 744}\n  - {path: b/../c, permissions: "04755"}\n  - {path: /d}\n',
    );

    expect(short(steps)).toEqual(['file /a 744', 'file /c 755', 'file /d 644']);
  });

  it('leaves /etc/environment to the user who wrote it', () => {
    const data = parseUserData(
      '#cloud-config\nwrite_files: [{path: /etc/./environment, content: a}]\n',
    );
    const config = data.kind === 'cloud-config' ? data.config : undefined;

    const steps = planCloudConfig(config!, { privateIpv4: '10.0.0.1' });

    expect(steps.some(({ kind }) => kind === 'environment')).toBe(false);
  });

  it('renders flannel without an end of line and oem with all five lines', () => {
    const steps = plan(
      'coreos:\n  flannel: {etcd-prefix: /x, interface: eth0}\n  oem: {id: a, name: \'b "c"\'}\n',
    );

    const texts = steps.flatMap((step) => (step.kind === 'file' ? [step.bytes.toString()] : []));
    expect(texts).toEqual([
      'ID=a\nVERSION_ID=\nNAME="b \\"c\\""\nHOME_URL=""\nBUG_REPORT_URL=""\n',
      'FLANNELD_ETCD_PREFIX=/x\nFLANNELD_IFACE=eth0',
    ]);
  });

  it.each([
    [
      'write_files: [{path: /a, permissions: pants}]',
      'E_APPLY',
      'Unable to parse file permissions "pants" as integer (/a)',
    ],
    [
      'write_files: [{path: /a, encoding: rot}]',
      'E_APPLY',
      'Unable to decode /a (Unsupported encoding "rot")',
    ],
    [
      'write_files: [{content: a}]',
      'E_APPLY',
      'line 2: "" is no path of a file. Give path: /DIR/NAME',
    ],
    [
      'write_files: [{path: /a/..}]',
      'E_APPLY',
      'line 2: "/a/.." is no path of a file. Give path: /DIR/NAME',
    ],
    ['manage_etc_hosts: true', 'E_APPLY', 'Invalid option to manage_etc_hosts'],
    [
      'coreos: {update: {reboot-strategy: bad}}',
      'E_APPLY',
      'invalid value "bad" for option "RebootStrategy" (valid options: "^(best-effort|etcd-lock|reboot|off)$")',
    ],
    [
      'coreos:\n  units:\n    - {name: a.service, command: jump}',
      'E_APPLY',
      'line 4: unit "a.service": Unsupported systemd command "jump"',
    ],
    [
      'coreos:\n  units:\n    - {name: ../../.., mask: true}',
      'E_APPLY',
      'line 4: unit "../../..": a unit\'s name is a file name, without "/"',
    ],
    [
      'coreos:\n  units:\n    - {name: .., mask: true}',
      'E_APPLY',
      'line 4: unit "..": a unit\'s name is a file name, without "/"',
    ],
    [
      'coreos:\n  units:\n    - {name: a.service, drop-ins: [{name: ../x, content: y}]}',
      'E_APPLY',
      'line 4: unit "a.service": the drop-in "../x" needs a file name, without "/"',
    ],
    [
      'users:\n  - name: a\n    coreos-ssh-import-github: b',
      'E_NOT_THERE_YET',
      'line 3: importing SSH keys of user a from GitHub or a URL is not there yet. ' +
        'Put the keys into ssh_authorized_keys',
    ],
  ])('of %s is refused', (body, code, message) => {
    expect(() => plan(`${body}\n`)).toThrow(expect.objectContaining({ code, message }));
  });
});
