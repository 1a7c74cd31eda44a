// From an Exec line to what a process needs: environment, specifiers, variables, program, folder.
// (systemd.exec(5))
import { readFileSync } from 'node:fs';
import { heldPipeVariable } from '@corral/kit';
import { expandWords, parseEnvironment, parseEnvironmentFile } from './command-line.js';
import type { ExecLine } from './command-line.js';
import type { ProcessRequest } from './processes.js';
import { isThere, resolveBelow } from './rooted.js';
import type { Service } from './service.js';
import { expandSpecifiers } from './specifiers.js';
import type { SpecifierValues } from './specifiers.js';
import { UnitError } from './unit-file.js';

/** How what a unit says is turned into what a process on this machine needs. */
export type ProcessMapping = {
  readonly specifiers: Omit<SpecifierValues, 'unit'>;
  /** Set for every process of the node; the unit's own values come after it. */
  readonly baseEnvironment: Readonly<Record<string, string>>;
  mapEnvironment(environment: Readonly<Record<string, string>>): Record<string, string>;
  /** The program and the words before the unit's own; undefined when there is none. */
  resolveExecutable(
    path: string,
  ): { readonly file: string; readonly words: readonly string[] } | undefined;
  /** True for servers that hold the owner's pipe and say READY=1 on it. */
  isOwnServer(path: string): boolean;
};

export type CommandBuilderOptions = {
  readonly name: string;
  readonly service: Service;
  readonly root: string;
  readonly logFile: string;
  readonly mapping: ProcessMapping;
};

/** Builds the commands of one unit; files are read each time. */
export class CommandBuilder {
  readonly #options: CommandBuilderOptions;

  constructor(options: CommandBuilderOptions) {
    this.#options = options;
  }

  isOwnServer(line: ExecLine): boolean {
    return this.#options.mapping.isOwnServer(this.#expand(line.path));
  }

  /** Throws UnitError E_UNIT_START when a file or the program is not there. */
  build(
    line: ExecLine,
    onReady: (() => void) | undefined,
    extra: Readonly<Record<string, string>>,
  ): ProcessRequest {
    const { name, service, mapping, logFile } = this.#options;
    const environment = mapping.mapEnvironment(this.#environment(extra));
    const path = this.#expand(line.path);
    const executable = mapping.resolveExecutable(path);
    if (executable === undefined) {
      const why = `${name}: ${path} is neither on the node nor on the host`;
      throw new UnitError('E_UNIT_START', `${why}. Install it, or put it below the node's root`);
    }
    if (onReady !== undefined) environment[heldPipeVariable] = '3';
    const words = line.words.map((word) => this.#expand(word));
    return {
      file: executable.file,
      words: [...executable.words, ...(line.expands ? expandWords(words, environment) : words)],
      argv0: line.argv0 === undefined ? undefined : this.#expand(line.argv0),
      environment,
      workingDirectory: this.#workingDirectory(),
      logFile,
      umask: service.umask,
      onReady,
    };
  }

  #environment(extra: Readonly<Record<string, string>>): Record<string, string> {
    const { service, root, mapping } = this.#options;
    const environment: Record<string, string> = { ...mapping.baseEnvironment };
    for (const text of service.environment) {
      for (const [name, value] of parseEnvironment(text, (word) => this.#expand(word))) {
        environment[name] = value;
      }
    }
    for (const file of service.environmentFiles) {
      const isOptional = file.startsWith('-');
      const path = this.#expand(isOptional ? file.slice(1) : file);
      const place = resolveBelow(root, path);
      if (!isThere(place) && isOptional) continue;
      if (!isThere(place)) {
        const why = `${this.#options.name}: EnvironmentFile=${path} is not there`;
        throw new UnitError('E_UNIT_START', `${why}. Make it, or write -${path} if it is optional`);
      }
      for (const [name, value] of parseEnvironmentFile(readFileSync(place, 'utf8'))) {
        environment[name] = value;
      }
    }
    for (const text of service.unsetEnvironment) {
      const equals = text.indexOf('=');
      const name = equals < 0 ? text : text.slice(0, equals);
      if (equals < 0 || environment[name] === text.slice(equals + 1)) {
        // Rebuilt by the mapping; a value that is undefined is not passed on.
        Reflect.deleteProperty(environment, name);
      }
    }
    return { ...environment, ...extra };
  }

  #workingDirectory(): string {
    const { service, root } = this.#options;
    const text = service.workingDirectory;
    if (text === undefined) return root;
    const isOptional = text.startsWith('-');
    const path = this.#expand(isOptional ? text.slice(1) : text);
    const place = resolveBelow(root, path === '~' ? '/root' : path);
    if (isThere(place)) return place;
    if (isOptional || path === '~') return root;
    const why = `${this.#options.name}: WorkingDirectory=${path} is not there`;
    throw new UnitError('E_UNIT_START', `${why}. Make it, or write -${path} if it is optional`);
  }

  #expand(text: string): string {
    const { name, mapping } = this.#options;
    return expandSpecifiers(text, { ...mapping.specifiers, unit: name }, name);
  }
}
