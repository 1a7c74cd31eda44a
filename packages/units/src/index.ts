// The names that other packages may use.
export { Supervisor } from './supervisor.js';
export type { JobResult, SupervisorOptions } from './supervisor.js';
export type { UnitState } from './unit-state.js';
export type { ProcessMapping } from './command-builder.js';
export { machineProcesses } from './processes.js';
export type { ProcessExit, ProcessRequest, Processes, StartedProcess } from './processes.js';
export { Unit, UnitError, parseBoolean, parseTimeSpan, parseUnitFile } from './unit-file.js';
export type { Assignment, UnitErrorCode } from './unit-file.js';
export { loadUnit, writeUnit } from './load.js';
export { enableUnit } from './enable.js';
export type { EnableResult } from './enable.js';
export { isFileName, isThere, resolveBelow } from './rooted.js';
export type { LoadedUnit } from './load.js';
export { readService } from './service.js';
export type { Service } from './service.js';
export {
  expandWords,
  parseEnvironment,
  parseEnvironmentFile,
  parseExecLine,
  splitWords,
} from './command-line.js';
