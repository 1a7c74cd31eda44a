import { describe, expect, it } from 'vitest';
import { parseUserData } from '../src/config.js';
import { renderPretty, renderReference } from '../src/findings.js';

/** Findings of a body below the header, as the original prints them. */
function reference(body: string): string[] {
  return parseUserData(`#cloud-config\n${body}`).findings.map(renderReference);
}

/** The same with exact places. */
function exact(body: string): string[] {
  return parseUserData(`#cloud-config\n${body}`).findings.map(
    ({ line, column, severity, message }) => `${line}:${column} ${severity} ${message}`,
  );
}

describe('an error of syntax has its exact place, and the line of the original', () => {
  it.each([
    ['a: 1\nb\nc: 3\n', '3:1', "line 3: error: could not find expected ':'"],
    ['coreos:\n\tupdate: x\n', '3:1', 'line 2: error: found character that cannot start any token'],
    ['a: @x\n', '2:4', 'line 1: error: found character that cannot start any token'],
    ['a: `x`\n', '2:4', 'line 1: error: found character that cannot start any token'],
    ['hostname: a: b\n', '2:11', 'line 1: error: mapping values are not allowed in this context'],
    ['a:\n  b: 1\n c: 2\n', '4:1', 'line 3: error: did not find expected key'],
    ['a: "x" y\n', '2:8', 'line 1: error: did not find expected key'],
    ['a:\n  - x\n  b: 1\n', '4:1', 'line 3: error: did not find expected key'],
    ['a: [1,\nb: 2\n', '3:1', "line 2: error: did not find expected ',' or ']'"],
    ['a: "x\nb: 1\n', '4:1', 'line 3: error: found unexpected end of stream'],
    ['a: "\\q"\n', '2:5', 'line 1: error: found unknown escape character'],
    ['a: *\n', '2:4', 'line 1: error: did not find expected alphabetic or numeric character'],
    ['%FOO\n---\na: 1\n', '2:1', 'line 1: error: found uknown directive name'],
    ['a: 1\nb: \u0001\n', '3:4', 'line 1: error: control characters are not allowed'],
    ['a: 1\nb: *x\n', '3:4', "line 1: error: Unknown anchor 'x' referenced"],
    ['a: 1\nb: &x [*x]\n', '3:8', "line 1: error: Anchor 'x' value contains itself"],
    [
      'a: 1\n<<: 3\n',
      '3:1',
      'line 1: error: map merge requires map or sequence of maps as the value',
    ],
    ['b: !!binary "*"\n', '2:13', 'line 1: error: !!binary value contains invalid base64 data'],
    ['a: !!int abc\n', '2:10', 'line 1: error: cannot decode !!str `abc` as a !!int'],
    ['? [a]\n: b\n', '2:3', 'line 1: error: invalid map key: []interface {}{"a"}'],
    [
      '{{ x }}\n',
      '2:2',
      'line 1: error: invalid map key: map[interface {}]interface {}{"x":interface {}(nil)}',
    ],
  ])('%j', (body, place, line) => {
    expect(reference(body)).toEqual([line]);
    expect(exact(body)[0]).toMatch(new RegExp(`^${place} `));
  });
});

describe('a finding about a key', () => {
  it.each([
    ['hostname:\n', 'line 2: warning: incorrect type for "hostname" (want string)'],
    ['coreos:\n', 'line 2: warning: incorrect type for "coreos" (want struct)'],
    ['coreos:\n  units:\n', 'line 3: warning: incorrect type for "units" (want []struct)'],
    ['users:\n  - core\n', 'line 3: warning: incorrect type for "users[0]" (want struct)'],
    [
      'ssh_authorized_keys:\n  - ok\n  - [x]\n',
      'line 4: warning: incorrect type for "ssh_authorized_keys[1]" (want string)',
    ],
    ['hostnames: x\n', 'line 2: warning: unrecognized key "hostnames"'],
    ['1: x\n', 'line 0: warning: unrecognized key "%!s(int=1)"'],
    ['yes: x\n', 'line 0: warning: unrecognized key "%!s(bool=true)"'],
    ['~: x\n', 'line 0: warning: unrecognized key "%!s(<nil>)"'],
    [
      'coreos:\n  fleet:\n    verbosity: "2"\n',
      'line 4: warning: incorrect type for "verbosity" (want int)',
    ],
    [
      'coreos:\n  fleet:\n    verbosity: 08\n',
      'line 4: warning: incorrect type for "verbosity" (want int)',
    ],
    [
      'coreos:\n  fleet:\n    token_limit: 1.5\n',
      'line 4: warning: incorrect type for "token_limit" (want int)',
    ],
    [
      'coreos:\n  units:\n  - enable: "true"\n',
      'line 4: warning: incorrect type for "enable" (want bool)',
    ],
    ['coreos: {update: {reboot-strategy: bad}}\n', 'line 0: error: invalid value bad'],
    ['coreos:\n  update:\n    reboot-strategy: false\n', 'line 4: error: invalid value false'],
    ['coreos:\n  etcd2:\n    proxy: true\n', 'line 4: error: invalid value true'],
    ['coreos:\n  locksmith:\n    window-start: 24:00\n', 'line 4: error: invalid value 24:00'],
    ['coreos:\n  locksmith:\n    window-length: 0.5.0h\n', 'line 4: error: invalid value 0.5.0h'],
    ['write_files:\n  - permissions: 384\n', 'line 3: error: invalid value 384'],
    ['write_files:\n  - permissions: 11744\n', 'line 3: error: invalid value 11744'],
    [
      'write_files:\n  - path: /a\n    encoding: base64\n',
      'line 0: error: content cannot be decoded as "base64"',
    ],
    [
      'write_files:\n  - path: /usrlocal/x\n',
      'line 3: error: file cannot be written to a read-only filesystem',
    ],
    [
      'write_files:\n  - path: //usr/x\n',
      'line 3: error: file cannot be written to a read-only filesystem',
    ],
    ['coreos:\n  etcd:\n    discovery: my token\n', 'line 4: warning: discovery URL is not valid'],
    [
      'coreos:\n  etcd:\n    proxy: "on"\n',
      'line 4: warning: deprecated key "proxy" (etcd2 options no longer work for etcd)',
    ],
    [
      'coreos:\n  etcd2:\n    peer-ca-file: /x\n',
      'line 4: warning: deprecated key "peer_ca_file" (peer_ca_file obsoleted ' +
        'peer_trusted_ca_file and peer_client_cert_auth)',
    ],
  ])('%j gives %s', (body, line) => {
    expect(reference(body)).toEqual([line]);
  });

  it('says both that a misplaced key is unknown and where it belongs', () => {
    expect(reference('coreos:\n  write-files:\n    - path: /x\n').sort()).toEqual([
      "line 3: info: write_files doesn't belong under coreos",
      'line 3: warning: unrecognized key "write_files"',
    ]);
  });

  it('reports an unknown encoding twice, as the original does', () => {
    const body = 'write_files:\n  - path: /a\n    content: x\n    encoding: rot13\n';

    expect(reference(body)).toEqual([
      'line 4: error: content cannot be decoded as "rot13"',
      'line 5: error: invalid value rot13',
    ]);
  });

  it('has the exact place also where the original says line 0 or another line', () => {
    const body =
      'coreos: {update: {reboot-strategy: bad}}\nusers:\n  - name: a\n    groups: [x]\n' +
      '  -   shel: /bin/sh\n"hostnam": x\n';

    expect(exact(body)).toEqual([
      '2:19 error invalid value bad',
      '6:7 warning unrecognized key "shel"',
      '7:1 warning unrecognized key "hostnam"',
    ]);
    expect(reference(body).map((line) => line.split(':')[0])).toEqual([
      'line 0',
      'line 0',
      'line 0',
    ]);
  });

  it('looks into every block of a key that comes twice', () => {
    const body = 'coreos:\n  etcdd: 1\ncoreos:\n  flanel: 1\n';

    expect(exact(body)).toEqual([
      '3:3 warning unrecognized key "etcdd"',
      '5:3 warning unrecognized key "flanel"',
    ]);
  });

  it('names the neighbour of an unknown key', () => {
    const [finding] = parseUserData(
      '#cloud-config\ncoreos:\n  etcd2:\n    advertise-client-url: http://x\n',
    ).findings;

    expect(finding).toMatchObject({
      hint: 'did you mean advertise-client-urls?',
      unknownKey: true,
    });
  });
});

describe('a sound config', () => {
  it.each([
    'hostname: 5\n',
    'coreos: {}\n',
    'just text\n',
    '- a list\n',
    'coreos:\n  update:\n    reboot-strategy: off\n',
    'coreos:\n  etcd2:\n    proxy: on\n    discovery: no url\n',
    'coreos:\n  fleet:\n    engine_reconcile_interval: 5\n    verbosity: 0x1\n',
    'coreos:\n  units:\n    - name: a.service\n      enable: y\n      mask: No\n',
    'coreos:\n  locksmith:\n    window-start: sUn 23:59\n    window-length: 1d\n',
    'coreos:\n  etcd2:\n    strict-reconfig-check: true\n    enable-pprof: false\n',
    "write_files:\n  - permissions: 0744\n  - permissions: '1744'\n  - path: /usr\n",
    'a: &x {hostname: b}\n'.replace('a:', 'coreos: {}\nhostname: x #'),
    'hostname: a\n---\nnonsense: [\n',
  ])('%j has no finding', (body) => {
    expect(reference(body)).toEqual([]);
  });

  it('may come with CRLF and blanks after the header', () => {
    expect(parseUserData('#cloud-config \t\r\nhostname: a\r\n')).toMatchObject({
      kind: 'cloud-config',
      findings: [],
      config: { hostname: 'a' },
    });
  });
});

describe('a picture of a finding', () => {
  it('marks the word below its line and advises', () => {
    const text = '#cloud-config\ncoreos:\n  etcd2:\n    advertise-client-url: http://x\n';
    const [finding] = parseUserData(text).findings;

    expect(renderPretty(finding!, text, 'central.yaml')).toBe(
      [
        'central.yaml:4:5  warning: unrecognized key "advertise_client_url"',
        '  3 |   etcd2:',
        '  4 |     advertise-client-url: http://x',
        '    |     ^^^^^^^^^^^^^^^^^^^^ did you mean advertise-client-urls?',
      ].join('\n'),
    );
  });

  it('passes no control character of the text to the terminal', () => {
    const text = '#cloud-config\na: \u001b[31m\n';
    const [finding] = parseUserData(text).findings;

    expect(renderPretty(finding!, text, 'x.yaml')).toContain('  2 | a: ?[31m');
  });
});
