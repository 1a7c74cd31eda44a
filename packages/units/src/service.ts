// A service as the supervisor runs it: options of a unit, typed; what is not supported is named with
// its line. (systemd.service(5))
import { parseExecLine } from './command-line.js';
import type { ExecLine } from './command-line.js';
import { UnitError, parseTimeSpan } from './unit-file.js';
import type { Unit } from './unit-file.js';

export type ServiceType = 'simple' | 'oneshot' | 'notify';
export type RestartPolicy =
  'no' | 'always' | 'on-success' | 'on-failure' | 'on-abnormal' | 'on-abort';

export type Service = {
  readonly type: ServiceType;
  readonly execStartPre: readonly ExecLine[];
  readonly execStart: readonly ExecLine[];
  readonly execStop: readonly ExecLine[];
  readonly restart: RestartPolicy;
  readonly restartMs: number;
  readonly remainAfterExit: boolean;
  readonly timeoutStartMs: number;
  readonly timeoutStopMs: number;
  readonly environment: readonly string[];
  readonly environmentFiles: readonly string[];
  readonly workingDirectory: string | undefined;
  readonly user: string | undefined;
  readonly startLimitBurst: number;
  readonly startLimitMs: number;
};

/** Options that change nothing here, or that a process cannot imitate without harm. */
const ignored = new Set(
  (
    'KillMode KillSignal SendSIGKILL Nice LimitNOFILE LimitNPROC LimitCORE CPUShares CPUWeight MemoryLimit MemoryMax ' +
    'BlockIOWeight PrivateDevices PrivateTmp ProtectSystem ProtectHome NoNewPrivileges ' +
    'CapabilityBoundingSet TasksMax Slice Delegate OOMScoreAdjust SyslogIdentifier StandardOutput StandardError ' +
    'StandardInput UMask NotifyAccess PermissionsStartOnly Group GuessMainPID Author TTYPath ExecReload ' +
    'TimeoutSec SuccessExitStatus WatchdogSec PIDFile ExecStartPost ExecStopPost'
  ).split(' '),
);
const used = new Set(
  (
    'Type ExecStart ExecStartPre ExecStop Restart RestartSec RemainAfterExit TimeoutStartSec ' +
    'TimeoutStopSec Environment EnvironmentFile WorkingDirectory User StartLimitBurst StartLimitInterval'
  ).split(' '),
);

/** Throws UnitError naming file, line and option when the unit cannot be run as it says. */
export function readService(unit: Unit): Service {
  for (const { section, key, file, line } of unit.assignments) {
    if (section !== 'Service' || ignored.has(key) || used.has(key)) continue;
    throw new UnitError(
      'E_UNIT_FILE',
      `${file}:${line}: [Service] ${key}= is not supported by the embedded supervisor`,
    );
  }
  const exec = (key: string): ExecLine[] =>
    unit
      .list('Service', key)
      .map(({ value, file, line }) => parseExecLine(value, `${file}:${line}`));
  const span = (key: string, fallback: number): number => {
    const text = unit.get('Service', key) ?? unit.get('Service', 'TimeoutSec');
    const known = key.startsWith('Timeout') ? text : unit.get('Service', key);
    const value = known === undefined ? undefined : parseTimeSpan(known);
    return value === undefined
      ? fallback
      : value === 0 && key.startsWith('Timeout')
        ? Infinity
        : value;
  };
  const type = readType(unit);
  const execStart = exec('ExecStart');
  if (execStart.length === 0) {
    throw new UnitError('E_UNIT_FILE', `${unit.name} has no ExecStart=: there is nothing to start`);
  }
  if (execStart.length > 1 && type !== 'oneshot') {
    const message = `${unit.name} has several ExecStart= lines, which only Type=oneshot may have`;
    throw new UnitError('E_UNIT_FILE', message);
  }
  return {
    type,
    execStart,
    execStartPre: exec('ExecStartPre'),
    execStop: exec('ExecStop'),
    restart: (unit.get('Service', 'Restart') ?? 'no') as RestartPolicy,
    restartMs: span('RestartSec', 100),
    remainAfterExit:
      unit.get('Service', 'RemainAfterExit') === 'yes' ||
      unit.get('Service', 'RemainAfterExit') === 'true',
    timeoutStartMs: span('TimeoutStartSec', type === 'oneshot' ? Infinity : 90_000),
    timeoutStopMs: span('TimeoutStopSec', 90_000),
    environment: unit.list('Service', 'Environment').map(({ value }) => value),
    environmentFiles: unit.list('Service', 'EnvironmentFile').map(({ value }) => value),
    workingDirectory: unit.get('Service', 'WorkingDirectory'),
    user: unit.get('Service', 'User'),
    startLimitBurst: Number(
      unit.get('Unit', 'StartLimitBurst') ?? unit.get('Service', 'StartLimitBurst') ?? 5,
    ),
    startLimitMs: span('StartLimitInterval', 10_000),
  };
}

function readType(unit: Unit): ServiceType {
  const type = unit.get('Service', 'Type') ?? 'simple';
  if (type === 'oneshot' || type === 'notify') return type;
  if (type === 'simple' || type === 'exec' || type === 'idle') return 'simple';
  throw new UnitError(
    'E_UNIT_FILE',
    `${unit.name}: Type=${type} is not supported by the embedded supervisor`,
  );
}
