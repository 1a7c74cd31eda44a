// Fakes for tests.
export { ManualClock } from './manual-clock.js';
export { RecordingLog } from './recording-log.js';
export type { LogLine } from './recording-log.js';
