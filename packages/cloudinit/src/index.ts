// The names that other packages may use.
export { emptyConfig, parseUserData } from './config.js';
export type { CloudConfig, UnitConfig, UserData } from './config.js';
export { CloudinitError, renderPretty, renderReference } from './findings.js';
export type { CloudinitErrorCode, Finding } from './findings.js';
export { planCloudConfig } from './plan.js';
export type { Step } from './plan.js';
export { applyPlan } from './apply.js';
export type { ApplyReport } from './apply.js';
export { rootTarget } from './root-target.js';
export type { Target, UnitManager } from './target.js';
export { substitute, unresolvedNames } from './substitute.js';
export { userDataText } from './user-data.js';
export type { Addresses } from './substitute.js';
