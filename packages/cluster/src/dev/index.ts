// What the command needs beside the cluster's face: building, checking and watching sources.
export { buildComponent, findTree, showProblem } from './build.js';
export type { BuiltCode, Problem } from './build.js';
export { componentOf, components, findComponent } from './components.js';
export type { Component, ComponentName } from './components.js';
export { TypeChecker } from './type-check.js';
export type { TypeReport } from './type-check.js';
export { Coalescer, sourceFolders, watchSources } from './watch.js';
