// The command line of coreos-cloudinit: flags, presets of --oem, and what is wrong with them.
// (coreos-cloudinit 1.9.3, coreos-cloudinit.go)
import { goFlagsMessage, parseGoBoolean, parseGoFlags } from '@corral/kit';

export type Arguments = {
  readonly fromFile: string;
  readonly root: string;
  readonly report: 'reference' | 'pretty' | undefined;
  readonly sshKeyName: string;
  readonly validate: boolean;
  readonly ignoreFailure: boolean;
};

/** What to do: run, or print and exit. */
export type CommandLine =
  | { readonly kind: 'run'; readonly arguments: Arguments }
  | {
      readonly kind: 'exit';
      readonly code: number;
      readonly stream: 'stdout' | 'stderr';
      readonly text: string;
    };

const version = '1.9.3';
const textFlags = (
  'from-file from-configdrive from-waagent from-ec2-metadata from-gce-metadata ' +
  'from-digitalocean-metadata from-packet-metadata from-url from-vmware-ovf-env oem ' +
  'convert-netconf workspace ssh-key-name root report'
).split(' ');
const booleanFlags = (
  'version ignore-failure validate from-metadata-service from-cloudsigma-metadata ' +
  'from-proc-cmdline from-vmware-guestinfo'
).split(' ');
const presets =
  'digitalocean ec2-compat gce rackspace-onmetal azure cloudsigma packet vmware'.split(' ');
const converters = ['debian', 'digitalocean', 'packet', 'vmware'];
const noSource =
  'Provide at least one of --from-file, --from-configdrive, --from-ec2-metadata, ' +
  '--from-cloudsigma-metadata, --from-packet-metadata, --from-digitalocean-metadata, ' +
  '--from-vmware-guestinfo, --from-waagent, --from-url or --from-proc-cmdline';

const helpText = `Usage of coreos-cloudinit:
  -from-file=FILE       read user-data from this file
  -root=DIR             apply below this folder instead of the machine
  -validate             check only; findings are printed, exit 1 when there is one
  -report=FORM          reference (the original's lines) or pretty (exact places, with the text)
  -ssh-key-name=NAME    name under which SSH keys are registered (coreos-cloudinit)
  -workspace=DIR        where scripts are stored (/var/lib/coreos-cloudinit)
  -ignore-failure       a failed parse does not make the exit code 1
  -version              print the version
Other sources of user-data (-from-url, -from-configdrive, ...), -oem and -convert-netconf are known
and not there yet.
`;

/** Reads the words after the program's name. The order of the checks is the original's. */
export function readCommandLine(words: readonly string[]): CommandLine {
  const known = new Map<string, { readonly boolean: boolean }>([
    ...textFlags.map((name) => [name, { boolean: false }] as const),
    ...booleanFlags.map((name) => [name, { boolean: true }] as const),
  ]);
  const parsed = parseGoFlags(words, known);
  if (!parsed.ok) {
    if (parsed.problem.kind === 'help') return exit(0, 'stderr', helpText);
    return exit(2, 'stderr', `${goFlagsMessage(parsed.problem)}\n${helpText}`);
  }
  const { values } = parsed.flags;
  const text = (name: string): string => values.get(name) ?? '';
  for (const name of booleanFlags) {
    const value = values.get(name);
    if (value === undefined || parseGoBoolean(value) !== undefined) continue;
    const problem = `invalid boolean value ${JSON.stringify(value)} for -${name}: parse error`;
    return exit(2, 'stderr', `${problem}\n${helpText}`);
  }
  const isOn = (name: string): boolean => parseGoBoolean(values.get(name) ?? 'false') === true;
  if (text('oem') !== '' && !presets.includes(text('oem'))) {
    const all = presets.map((name) => `"${name}"`).join(' ');
    const problem = `Invalid option to -oem: "${text('oem')}". Supported options: [${all}]`;
    return exit(2, 'stdout', `${problem}\n`);
  }
  if (isOn('version')) return exit(0, 'stdout', `coreos-cloudinit ${version}\n`);
  const converter = text('convert-netconf');
  if (converter !== '' && !converters.includes(converter)) {
    const all = converters.join(', ');
    const problem = `Invalid option to -convert-netconf: '${converter}'.`;
    return exit(2, 'stdout', `${problem} Supported options: '${all}'\n`);
  }
  const later = [...textFlags, ...booleanFlags].find(
    (name) =>
      name !== 'from-file' &&
      /^(from-|oem$|convert-)/.test(name) &&
      (known.get(name)?.boolean === true ? isOn(name) : text(name) !== ''),
  );
  if (later !== undefined) {
    return exit(2, 'stderr', `-${later} is not there yet: give user-data with -from-file=FILE\n`);
  }
  if (text('from-file') === '') return exit(2, 'stdout', `${noSource}\n`);
  const report = text('report');
  if (report !== '' && report !== 'reference' && report !== 'pretty') {
    const problem = `invalid value ${JSON.stringify(report)} for -report: reference or pretty`;
    return exit(2, 'stderr', `${problem}\n`);
  }
  return {
    kind: 'run',
    arguments: {
      fromFile: text('from-file'),
      root: text('root'),
      report: report === '' ? undefined : report,
      sshKeyName: values.get('ssh-key-name') ?? 'coreos-cloudinit',
      validate: isOn('validate'),
      ignoreFailure: isOn('ignore-failure'),
    },
  };
}

function exit(code: number, stream: 'stdout' | 'stderr', text: string): CommandLine {
  return { kind: 'exit', code, stream, text };
}
