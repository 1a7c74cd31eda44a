// Fakes for tests.
export { freePort, freePorts, refusingUrl } from './free-port.js';
export { ManualClock } from './manual-clock.js';
export { RecordingLog } from './recording-log.js';
export type { LogLine } from './recording-log.js';
