// The command line as a library: for tests and for programs that embed it.
export { runCommand } from './program.js';
export { stateHome } from './context.js';
export type { Context, Streams } from './context.js';
export { describeTerminal } from './terminal.js';
export type { Terminal } from './terminal.js';
