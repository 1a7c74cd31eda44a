// The names that other packages may use.

// errors
export { CodedError, errorMessage, systemErrorCode } from './errors.js';
export type { CodedErrorOptions } from './errors.js';
// time
export { sleepWith, systemClock } from './clock.js';
export type { Clock, Timer } from './clock.js';
// waiting
export { PollTimeoutError, backoff, poll } from './retry.js';
// chance
export { randomPrng, seededPrng } from './prng.js';
export type { Prng } from './prng.js';
// logging
export { jsonLogger, silentLogger } from './log.js';
export type { LogFields, LogLevel, Logger } from './log.js';
// conventions of our processes
export { dialMapFrom, dialVariable } from './dial.js';
export type { DialMap } from './dial.js';
export { HeldPipeError, heldPipeVariable, joinOwner } from './held-pipe.js';
export type { Readiness } from './held-pipe.js';
export { goFlagsMessage, parseGoBoolean, parseGoFlags } from './go-flags.js';
export type { GoFlags, GoFlagsProblem } from './go-flags.js';
export { trustedCertificates } from './trust.js';
