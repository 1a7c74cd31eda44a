// The coreos-cloudinit process: flags in, user-data applied below --root or validated.
import { readFileSync } from 'node:fs';
import { errorMessage, goFlagsMessage, parseGoBoolean, parseGoFlags } from '@corral/kit';
import { applyPlan } from './apply.js';
import { parseUserData } from './config.js';
import { renderPretty, renderReference } from './findings.js';
import { planCloudConfig } from './plan.js';
import { rootTarget } from './root-target.js';
import { substitute } from './substitute.js';

const version = '1.9.3';
const text = { boolean: false };
const flag = { boolean: true };
const remoteSources = [
  'from-configdrive',
  'from-waagent',
  'from-ec2-metadata',
  'from-gce-metadata',
  'from-digitalocean-metadata',
  'from-packet-metadata',
  'from-url',
  'from-vmware-ovf-env',
  'oem',
  'convert-netconf',
];
const remoteFlags = [
  'from-metadata-service',
  'from-cloudsigma-metadata',
  'from-proc-cmdline',
  'from-vmware-guestinfo',
];
const known = new Map([
  ['version', flag],
  ['ignore-failure', flag],
  ['validate', flag],
  ['from-file', text],
  ['workspace', text],
  ['ssh-key-name', text],
  ['root', text],
  ['report', text],
  ...remoteSources.map((name) => [name, text] as const),
  ...remoteFlags.map((name) => [name, flag] as const),
]);

const helpText = `Usage of coreos-cloudinit:
  -from-file=FILE       read user-data from this file
  -root=DIR             apply below this folder instead of the machine
  -validate             check only; problems are printed, exit 1 when there are errors
  -report=FORM          reference (the original's lines) or pretty (a picture of the line)
  -ssh-key-name=NAME    name under which SSH keys are registered (coreos-cloudinit)
  -workspace=DIR        where scripts are stored (/var/lib/coreos-cloudinit)
  -ignore-failure       a failed parse does not make the exit code 1
  -version              print the version
`;

function fail(message: string, code: number): never {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

const parsed = parseGoFlags(process.argv.slice(2), known);
if (!parsed.ok) {
  if (parsed.problem.kind === 'help') {
    process.stderr.write(helpText);
    process.exit(0);
  }
  fail(`${goFlagsMessage(parsed.problem)}\n${helpText.trimEnd()}`, 2);
}
const { values } = parsed.flags;
const isOn = (name: string): boolean => parseGoBoolean(values.get(name) ?? 'false') === true;
if (isOn('version')) {
  process.stdout.write(`coreos-cloudinit ${version}\n`);
  process.exit(0);
}
for (const name of [...remoteSources, ...remoteFlags]) {
  if (values.has(name)) fail(`-${name} is not there yet: use -from-file`, 2);
}
const file = values.get('from-file');
if (file === undefined || file === '') {
  process.stdout.write(
    'Provide at least one of --from-file; other sources of user-data are not there yet\n',
  );
  process.exit(2);
}

let userData = '';
try {
  userData = readFileSync(file, 'utf8');
} catch (error) {
  fail(`Failed fetching user-data from datasource: ${errorMessage(error)}`, 1);
}
const report = values.get('report') ?? (process.stderr.isTTY ? 'pretty' : 'reference');
const addresses = {
  publicIpv4: process.env['COREOS_PUBLIC_IPV4'] ?? '',
  privateIpv4: process.env['COREOS_PRIVATE_IPV4'] ?? '',
  publicIpv6: process.env['COREOS_PUBLIC_IPV6'] ?? '',
  privateIpv6: process.env['COREOS_PRIVATE_IPV6'] ?? '',
};
const validateOnly = isOn('validate');
const data = parseUserData(validateOnly ? userData : substitute(userData, addresses));
const hasErrors = data.findings.some((one) => one.severity === 'error');
if (validateOnly || data.kind === 'error') {
  for (const one of data.findings) {
    const line = report === 'pretty' ? renderPretty(one, userData, file) : renderReference(one);
    process.stderr.write(`${line}\n`);
  }
}
if (validateOnly) process.exit(hasErrors ? 1 : 0);
if (data.kind === 'error') process.exit(isOn('ignore-failure') ? 0 : 1);
if (data.kind === 'script')
  fail('user-data that is a script is not there yet: use a cloud-config', 1);
const root = values.get('root');
if (root === undefined || root === '') {
  fail('applying to the machine itself is not there yet: give a folder with -root=DIR', 1);
}
try {
  const steps = planCloudConfig(data.config, addresses);
  const applied = await applyPlan(steps, rootTarget({ root }));
  for (const line of applied.lines) process.stderr.write(`${line}\n`);
  for (const problem of applied.problems) process.stderr.write(`warning: ${problem}\n`);
} catch (error) {
  fail(errorMessage(error), 1);
}
