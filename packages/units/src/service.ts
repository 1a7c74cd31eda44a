// A service as the supervisor runs it: options of a unit, typed; what is not supported is named
// with its line. (systemd.service(5), systemd.kill(5), systemd.exec(5))
import { constants } from 'node:os';
import { parseExecLine } from './command-line.js';
import type { ExecLine } from './command-line.js';
import { UnitError, parseBoolean, parseTimeSpan } from './unit-file.js';
import type { Assignment, Unit } from './unit-file.js';

export type ServiceType = 'simple' | 'oneshot' | 'notify';
const restartPolicies = [
  'no',
  'always',
  'on-success',
  'on-failure',
  'on-abnormal',
  'on-abort',
  'on-watchdog',
] as const;
export type RestartPolicy = (typeof restartPolicies)[number];
const killModes = ['control-group', 'mixed', 'process', 'none'] as const;
export type KillMode = (typeof killModes)[number];

export type Service = {
  readonly type: ServiceType;
  readonly execStartPre: readonly ExecLine[];
  readonly execStart: readonly ExecLine[];
  readonly execStartPost: readonly ExecLine[];
  readonly execReload: readonly ExecLine[];
  readonly execStop: readonly ExecLine[];
  readonly execStopPost: readonly ExecLine[];
  readonly restart: RestartPolicy;
  readonly restartMs: number;
  /** Codes and signals as words, such as "3" or "SIGKILL". */
  readonly successExitStatus: ReadonlySet<string>;
  readonly restartPreventExitStatus: ReadonlySet<string>;
  readonly restartForceExitStatus: ReadonlySet<string>;
  readonly remainAfterExit: boolean;
  readonly timeoutStartMs: number;
  readonly timeoutStopMs: number;
  readonly killMode: KillMode;
  readonly killSignal: NodeJS.Signals;
  readonly sendSigkill: boolean;
  readonly environment: readonly string[];
  readonly environmentFiles: readonly string[];
  readonly unsetEnvironment: readonly string[];
  readonly workingDirectory: string | undefined;
  readonly umask: number | undefined;
  readonly user: string | undefined;
  readonly startLimitBurst: number;
  readonly startLimitMs: number;
};

/** Options that change nothing here, or that a process cannot imitate without harm. */
const ignored = new Set(
  (
    'Nice LimitNOFILE LimitNPROC LimitCORE LimitMEMLOCK LimitFSIZE LimitAS CPUShares CPUWeight ' +
    'CPUQuota MemoryLimit MemoryMax BlockIOWeight IOSchedulingClass IOSchedulingPriority ' +
    'PrivateDevices PrivateTmp PrivateNetwork ProtectSystem ProtectHome NoNewPrivileges ' +
    'CapabilityBoundingSet AmbientCapabilities TasksMax Slice Delegate OOMScoreAdjust ' +
    'SyslogIdentifier StandardOutput StandardError StandardInput NotifyAccess PassEnvironment ' +
    'PermissionsStartOnly Group GuessMainPID Author TTYPath MountFlags RuntimeDirectory ' +
    'RuntimeDirectoryMode StateDirectory StateDirectoryMode ReadOnlyDirectories WatchdogSec PIDFile'
  ).split(' '),
);
const used = new Set(
  (
    'Type ExecStart ExecStartPre ExecStartPost ExecReload ExecStop ExecStopPost Restart ' +
    'RestartSec SuccessExitStatus RestartPreventExitStatus RestartForceExitStatus ' +
    'RemainAfterExit TimeoutStartSec TimeoutStopSec TimeoutSec KillMode KillSignal SendSIGKILL Environment ' +
    'EnvironmentFile UnsetEnvironment WorkingDirectory UMask User StartLimitBurst ' +
    'StartLimitInterval'
  ).split(' '),
);
const unitOptions = new Set(
  (
    'Description Documentation After Before Requires RequiresOverridable Requisite Wants BindsTo ' +
    'PartOf Conflicts OnFailure StartLimitBurst StartLimitInterval StartLimitIntervalSec ' +
    'RequiresMountsFor StopWhenUnneeded RefuseManualStart RefuseManualStop DefaultDependencies ' +
    'IgnoreOnIsolate AllowIsolate SourcePath JobTimeoutSec PropagatesReloadTo ' +
    'ConditionPathExists ConditionPathIsDirectory ConditionFileNotEmpty ' +
    'ConditionDirectoryNotEmpty ConditionHost AssertPathExists AssertPathIsDirectory ' +
    'AssertFileNotEmpty AssertDirectoryNotEmpty AssertHost'
  ).split(' '),
);

/** Throws UnitError naming file, line and option when the unit cannot be run as it says. */
export function readService(unit: Unit): Service {
  checkOptions(unit);
  const exec = (key: string): ExecLine[] =>
    unit
      .list('Service', key)
      .flatMap(({ value, file, line }) => parseExecLine(value, `${file}:${line}`));
  const statuses = (key: string): ReadonlySet<string> => new Set(unit.names('Service', key));
  const type = readType(unit);
  const execStart = exec('ExecStart');
  const execStop = exec('ExecStop');
  if (execStart.length === 0 && !(type === 'oneshot' && execStop.length > 0)) {
    throw new UnitError('E_UNIT_FILE', `${unit.name} has no ExecStart=: there is nothing to start`);
  }
  if (execStart.length > 1 && type !== 'oneshot') {
    const message = `${unit.name} has several ExecStart= lines, which only Type=oneshot may have`;
    throw new UnitError('E_UNIT_FILE', message);
  }
  const restart = oneOf(unit, 'Restart', restartPolicies, 'no');
  if (type === 'oneshot' && (restart === 'always' || restart === 'on-success')) {
    const message = `${unit.name}: Restart=${restart} is not allowed for Type=oneshot`;
    throw new UnitError('E_UNIT_FILE', message);
  }
  const burst = unit.get('Unit', 'StartLimitBurst') ?? unit.get('Service', 'StartLimitBurst');
  return {
    type,
    execStart,
    execStop,
    execStartPre: exec('ExecStartPre'),
    execStartPost: exec('ExecStartPost'),
    execReload: exec('ExecReload'),
    execStopPost: exec('ExecStopPost'),
    restart,
    restartMs: span(unit, [['Service', 'RestartSec']], 100),
    successExitStatus: statuses('SuccessExitStatus'),
    restartPreventExitStatus: statuses('RestartPreventExitStatus'),
    restartForceExitStatus: statuses('RestartForceExitStatus'),
    remainAfterExit: bool(unit, 'RemainAfterExit', false),
    timeoutStartMs: timeout(unit, 'TimeoutStartSec', type === 'oneshot' ? Infinity : 90_000),
    timeoutStopMs: timeout(unit, 'TimeoutStopSec', 90_000),
    killMode: oneOf(unit, 'KillMode', killModes, 'control-group'),
    killSignal: readSignal(unit),
    sendSigkill: bool(unit, 'SendSIGKILL', true),
    environment: unit.list('Service', 'Environment').map(({ value }) => value),
    environmentFiles: unit.list('Service', 'EnvironmentFile').map(({ value }) => value),
    unsetEnvironment: unit.names('Service', 'UnsetEnvironment'),
    workingDirectory: unit.get('Service', 'WorkingDirectory'),
    umask: readUmask(unit),
    user: unit.get('Service', 'User'),
    startLimitBurst: Number(burst ?? 5),
    startLimitMs: span(
      unit,
      [
        ['Unit', 'StartLimitIntervalSec'],
        ['Unit', 'StartLimitInterval'],
        ['Service', 'StartLimitInterval'],
      ],
      10_000,
    ),
  };
}

function checkOptions(unit: Unit): void {
  for (const { section, key, file, line } of unit.assignments) {
    if (section === 'Install' || section.startsWith('X-') || key.startsWith('X-')) continue;
    const isKnown =
      section === 'Unit'
        ? unitOptions.has(key)
        : section === 'Service' && (ignored.has(key) || used.has(key));
    if (isKnown) continue;
    throw new UnitError(
      'E_UNIT_UNSUPPORTED',
      `${file}:${line}: [${section}] ${key}= is not supported by the embedded supervisor`,
    );
  }
}

function invalid({ file, line, key, value }: Assignment): UnitError {
  return new UnitError('E_UNIT_FILE', `${file}:${line}: ${key}=${value} is not valid`);
}

function last(unit: Unit, section: string, key: string): Assignment | undefined {
  return unit.list(section, key).at(-1);
}

function span(
  unit: Unit,
  keys: readonly (readonly [section: string, key: string])[],
  fallback: number,
): number {
  const found = keys.map(([section, key]) => last(unit, section, key)).find((one) => one);
  if (found === undefined) return fallback;
  const value = parseTimeSpan(found.value);
  if (value === undefined) throw invalid(found);
  return value;
}

/** A timeout of 0 is none. */
function timeout(unit: Unit, key: string, fallback: number): number {
  const value = span(
    unit,
    [
      ['Service', key],
      ['Service', 'TimeoutSec'],
    ],
    fallback,
  );
  return value === 0 ? Infinity : value;
}

function bool(unit: Unit, key: string, fallback: boolean): boolean {
  const found = last(unit, 'Service', key);
  if (found === undefined) return fallback;
  const value = parseBoolean(found.value);
  if (value === undefined) throw invalid(found);
  return value;
}

function oneOf<T extends string>(unit: Unit, key: string, all: readonly T[], fallback: T): T {
  const found = last(unit, 'Service', key);
  if (found === undefined) return fallback;
  const value = all.find((one) => one === found.value);
  if (value === undefined) throw invalid(found);
  return value;
}

function readSignal(unit: Unit): NodeJS.Signals {
  const found = last(unit, 'Service', 'KillSignal');
  if (found === undefined) return 'SIGTERM';
  const name = found.value.startsWith('SIG') ? found.value : `SIG${found.value}`;
  const known = Object.entries(constants.signals).find(
    ([signal, number]) => signal === name || String(number) === found.value,
  );
  if (known === undefined) throw invalid(found);
  return known[0] as NodeJS.Signals;
}

function readUmask(unit: Unit): number | undefined {
  const found = last(unit, 'Service', 'UMask');
  if (found === undefined) return undefined;
  if (!/^[0-7]{1,4}$/.test(found.value)) throw invalid(found);
  return parseInt(found.value, 8);
}

function readType(unit: Unit): ServiceType {
  const type = unit.get('Service', 'Type') ?? 'simple';
  if (type === 'oneshot' || type === 'notify') return type;
  if (type === 'simple' || type === 'exec' || type === 'idle') return 'simple';
  throw new UnitError(
    'E_UNIT_UNSUPPORTED',
    `${unit.name}: Type=${type} is not supported by the embedded supervisor`,
  );
}
