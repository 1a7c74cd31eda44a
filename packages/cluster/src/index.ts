// The names that programs may use.
export { Cluster } from './cluster.js';
export { collectGarbage } from './garbage.js';
export type { FaultOptions, Progress, UpOptions } from './cluster.js';
export { ClusterError, exitCodes } from './errors.js';
export type { ClusterErrorCode } from './errors.js';
export type { ClusterPlan, ClusterSpec, CloudConfigFile, NodePlan, Role } from './plan.js';
export { servingOf } from './status.js';
export type { ClusterStatus, NodeStatus, StepTiming } from './status.js';
export type { HealTarget, NodeAction } from './controller.js';
export { linksBetween } from './faults.js';
export { age, explainMissing, nameFlag } from './missing.js';
export type { MissingNode, QuorumView } from './missing.js';
export type { FaultKind, FaultRecord, FaultSpec } from './faults.js';
export type { UnitStatus } from './unit-status.js';
export type { LinkName } from './runtime.js';
export { History } from './history.js';
export type { HistoryCheck } from './history.js';
