// Where values come from: the command line before the environment before the default. Knows the
// flags of etcd 0.4 that still stand for something, and says which value was wrong and where it
// came from. (etcd 2.3, etcdmain/config.go and pkg/flags)
import { goFlagsMessage, parseGoBoolean, parseGoFlags } from '@corral/kit';
import {
  flags,
  helpText,
  ignoredLegacyFlags,
  legacyAddressFlags,
  refusedLegacyFlags,
  usageText,
  variableOf,
} from './flags.js';
import type { Flag } from './flags.js';
import { nearestName } from './nearest-name.js';
import { parseUrls } from './urls.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Values by flag name, and which of them were given. */
export type Collected = {
  readonly values: Map<string, string>;
  readonly given: ReadonlySet<string>;
  readonly warnings: string[];
};

/** The process ends with this code and message (code 0: with help on standard output). */
export class Refused extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** A contradiction between flags: exit 1. */
export function verifying(message: string, more = ''): Refused {
  return new Refused(1, `error verifying flags, ${message}. See 'etcd --help'.${more}`);
}

/** Something that is no flag or no value of one: exit 2. */
function usage(message: string, hint = ''): Refused {
  return new Refused(2, `${message}${hint}\n${usageText}`);
}

type Given = { readonly value: string; readonly where: string };

/** Throws Refused. */
export function collect(words: readonly string[], environment: Environment): Collected {
  const warnings: string[] = [];
  const raw = readWords(words, warnings);
  addEnvironment(environment, raw, warnings);
  const given = new Map<string, Given>();
  for (const [name, one] of raw) {
    const modern = legacyAddressFlags.get(name);
    if (modern !== undefined && raw.has(modern)) {
      throw verifying(`Set only one of flags -${modern} and -${name}`);
    }
    if (modern === undefined) given.set(name, one);
    else given.set(modern, { value: `http://${one.value}`, where: one.where });
  }
  listenWhereLegacyAdvertises(raw, given);
  const values = new Map<string, string>();
  for (const flag of flags) {
    const one = given.get(flag.name);
    if (one !== undefined) checkValue(flag, one);
    values.set(flag.name, one?.value ?? flag.fallback);
  }
  return { values, given: new Set(given.keys()), warnings };
}

function readWords(words: readonly string[], warnings: string[]): Map<string, Given> {
  const known = new Map<string, { boolean: boolean }>();
  for (const one of flags) known.set(one.name, { boolean: one.kind === 'boolean' });
  for (const name of [...refusedLegacyFlags, ...legacyAddressFlags.keys()]) {
    known.set(name, { boolean: false });
  }
  for (const name of ignoredLegacyFlags) {
    known.set(name, { boolean: ['force', 'snapshot', 'v', 'vv'].includes(name) });
  }
  const parsed = parseGoFlags(words, known);
  if (!parsed.ok) {
    const { problem } = parsed;
    if (problem.kind === 'help') throw new Refused(0, helpText());
    const near =
      problem.kind === 'unknown' ? nearestName(problem.flag, [...known.keys()]) : undefined;
    throw usage(goFlagsMessage(problem), near === undefined ? '' : `. Did you mean -${near}?`);
  }
  const { values, rest } = parsed.flags;
  if (rest.length > 0) throw verifying(`'${rest[0] ?? ''}' is not a valid flag`);
  const raw = new Map<string, Given>();
  for (const [name, value] of values) {
    if (refusedLegacyFlags.includes(name)) throw usage(`flag "-${name}" is no longer supported.`);
    if (ignoredLegacyFlags.includes(name)) {
      warnings.push(`flag "-${name}" is no longer supported - ignoring.`);
    } else {
      raw.set(name, { value, where: `flag -${name}` });
    }
  }
  return raw;
}

/** A variable counts when it is not empty and its flag was not given. */
function addEnvironment(
  environment: Environment,
  raw: Map<string, Given>,
  warnings: string[],
): void {
  const names = [...flags.map((one) => one.name), ...legacyAddressFlags.keys()];
  const nameOf = new Map(names.map((name) => [variableOf(name), name]));
  const refused = new Set(refusedLegacyFlags.map(variableOf));
  const ignored = new Set(ignoredLegacyFlags.map(variableOf));
  const onLine = new Set(raw.keys());
  const variables = Object.keys(environment).filter((name) => name.startsWith('ETCD_'));
  for (const variable of variables.sort()) {
    const value = environment[variable];
    const name = nameOf.get(variable);
    if (value === undefined || value === '' || variable === 'ETCD_UNSUPPORTED_ARCH') continue;
    if (refused.has(variable)) {
      throw new Refused(1, `the variable ${variable} is no longer supported. Unset it`);
    }
    if (ignored.has(variable)) {
      warnings.push(`the variable ${variable} is no longer supported - ignoring.`);
    } else if (name === undefined || name === 'version') {
      const near = nearestName(variable, [...nameOf.keys()]);
      const hint = near === undefined ? '' : `; did you mean ${near}?`;
      warnings.push(`unrecognized environment variable ${variable}=${value}${hint}`);
    } else if (onLine.has(name)) {
      warnings.push(
        `recognized environment variable ${variable}, but unused: shadowed by corresponding flag`,
      );
    } else {
      raw.set(name, { value, where: variable });
    }
  }
}

/** With -addr alone etcd listens on that port of every address; with -peer-addr likewise. */
function listenWhereLegacyAdvertises(
  raw: ReadonlyMap<string, Given>,
  given: Map<string, Given>,
): void {
  const pairs = [
    ['addr', 'listen-client-urls'],
    ['peer-addr', 'listen-peer-urls'],
  ] as const;
  for (const [advertised, listened] of pairs) {
    const one = raw.get(advertised);
    if (one === undefined || given.has(listened)) continue;
    const port = /:(\d+)$/.exec(one.value)?.[1];
    if (port !== undefined) given.set(listened, { ...one, value: `http://[::]:${port}` });
  }
}

function checkValue(flag: Flag, { value, where }: Given): void {
  const fail = (why: string): Refused => {
    const text = `invalid value "${value}" for ${where}: ${why}`;
    return where.startsWith('flag') ? usage(text) : new Refused(1, text);
  };
  switch (flag.kind) {
    case 'number':
      if (parseGoUnsigned(value) === undefined) {
        throw fail(`strconv.ParseUint: parsing "${value}": invalid syntax`);
      }
      break;
    case 'boolean':
      if (parseGoBoolean(value) === undefined) {
        throw fail(`strconv.ParseBool: parsing "${value}": invalid syntax`);
      }
      break;
    case 'choice':
      if (flag.choices?.includes(value) !== true) {
        throw fail(`invalid value. Choose one of ${flag.choices?.join(', ') ?? ''}`);
      }
      break;
    case 'urls':
      try {
        parseUrls(value);
      } catch (error) {
        throw fail(error instanceof Error ? error.message : '');
      }
      break;
    case 'text':
      break;
    default:
      flag.kind satisfies never;
  }
}

/** Go's ParseUint with base 0: decimal, 0x hexadecimal or 0 octal, up to 2^53 - 1. */
export function parseGoUnsigned(text: string): number | undefined {
  if (!/^(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)$/.test(text)) return undefined;
  const octal = /^0[0-7]+$/.test(text);
  const value = octal ? parseInt(text, 8) : Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
