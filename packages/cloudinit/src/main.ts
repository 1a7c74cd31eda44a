// The coreos-cloudinit process: flags in, user-data validated, or applied to the machine or below --root.
import { existsSync, readFileSync } from 'node:fs';
import { errorMessage } from '@corral/kit';
import { applyPlan } from './apply.js';
import { emptyConfig, parseUserData } from './config.js';
import type { CloudConfig, UserData } from './config.js';
import { CloudinitError, renderPretty, renderReference } from './findings.js';
import { readCommandLine } from './flags.js';
import type { Arguments } from './flags.js';
import { machineTarget } from './machine-target.js';
import { planCloudConfig } from './plan.js';
import { rootTarget } from './root-target.js';
import { substitute, unresolvedNames } from './substitute.js';
import type { Addresses } from './substitute.js';
import { userDataText } from './user-data.js';

/** What every CoreOS machine ships. */
const coreosFolder = '/usr/share/coreos';

const commandLine = readCommandLine(process.argv.slice(2));
if (commandLine.kind === 'exit') {
  process[commandLine.stream].write(commandLine.text);
  process.exitCode = commandLine.code;
} else {
  process.exitCode = await run(commandLine.arguments);
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Resolves to the exit code. */
async function run(options: Arguments): Promise<number> {
  let userData: string;
  try {
    userData = userDataText(readFileSync(options.fromFile));
  } catch (error) {
    const prefix = error instanceof CloudinitError ? '' : 'Failed fetching user-data: ';
    log(`${prefix}${errorMessage(error)}`);
    return options.ignoreFailure && !options.validate ? 0 : 1;
  }
  const seen = parseUserData(userData);
  printFindings(seen, userData, options);
  if (options.validate) return seen.findings.length === 0 ? 0 : 1;
  const addresses = {
    publicIpv4: process.env['COREOS_PUBLIC_IPV4'] ?? '',
    privateIpv4: process.env['COREOS_PRIVATE_IPV4'] ?? '',
    publicIpv6: process.env['COREOS_PUBLIC_IPV6'] ?? '',
    privateIpv6: process.env['COREOS_PRIVATE_IPV6'] ?? '',
  };
  for (const name of unresolvedNames(userData, addresses)) {
    const variable = `COREOS_${name.slice(1).toUpperCase()}`;
    log(`warning: ${name} has no value and becomes nothing; set ${variable}`);
  }
  const data = parseUserData(substitute(userData, addresses));
  switch (data.kind) {
    case 'ignition':
      process.stdout.write('Detected an Ignition config. Exiting...');
      return 0;
    case 'script':
      log('line 1: error: user-data that is a script is not there yet: use a cloud-config');
      return 1;
    case 'error': {
      const [first] = data.findings;
      const known = !data.isYaml
        ? 'Unrecognized user-data format'
        : `yaml: ${first?.message ?? ''}`;
      process.stdout.write(`Failed to parse user-data: ${known}\nContinuing...\n`);
      // The addresses are written all the same, as in the original.
      const code = await apply(emptyConfig(), addresses, options);
      return code === 0 && options.ignoreFailure ? 0 : 1;
    }
    case 'empty':
      return apply(emptyConfig(), addresses, options);
    case 'cloud-config':
      return apply(data.config, addresses, options);
    default:
      return data satisfies never;
  }
}

function printFindings(data: UserData, text: string, options: Arguments): void {
  const pretty = (options.report ?? (process.stderr.isTTY ? 'pretty' : 'reference')) === 'pretty';
  if (!pretty && data.kind === 'error' && data.isYaml) {
    // The original goes on with an empty document, and says so.
    log('line 0: warning: incorrect type for "" (want struct)');
  }
  for (const one of data.findings) {
    log(pretty ? renderPretty(one, text, options.fromFile) : renderReference(one));
  }
}

async function apply(
  config: CloudConfig,
  addresses: Addresses,
  { root, sshKeyName }: Arguments,
): Promise<number> {
  // The original is found on CoreOS only; here a slip on a laptop would rewrite the laptop.
  if (root === '' && !existsSync(coreosFolder)) {
    log(`this machine is no CoreOS node (no ${coreosFolder}): give a folder with -root=DIR`);
    return 1;
  }
  try {
    const steps = planCloudConfig(config, addresses);
    const target = root === '' ? machineTarget({ sshKeyName }) : rootTarget({ root, sshKeyName });
    await applyPlan(steps, target, {
      onLine: log,
      onProblem: (problem) => log(`warning: ${problem}`),
    });
    return 0;
  } catch (error) {
    log(`Failed to apply cloud-config: ${errorMessage(error)}`);
    return 1;
  }
}
