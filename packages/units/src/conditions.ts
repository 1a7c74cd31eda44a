// Condition… and Assert… of a unit, checked below its root. (systemd.unit(5), CONDITIONS AND
// ASSERTS)
import { readdirSync, statSync } from 'node:fs';
import { isThere, resolveBelow } from './rooted.js';
import type { Unit } from './unit-file.js';

/**
 * Why the unit is not started, in words; undefined when all holds. A "!" turns a check round; of
 * those with "|" one is enough.
 */
export function unmetCheck(
  unit: Unit,
  kind: 'Condition' | 'Assert',
  context: { readonly root: string; readonly hostname: string },
): string | undefined {
  let anyOf: string | undefined;
  let oneHolds = false;
  const keys = new Set(
    unit.assignments.map(({ key }) => key).filter((key) => key.startsWith(kind)),
  );
  for (const key of keys) {
    for (const { value } of unit.list('Unit', key)) {
      const [, flags = '', subject = ''] = /^([|!]*)\s*(.*)$/.exec(value) ?? [];
      const unmet = unmetOne(key.slice(kind.length), subject, flags.includes('!'), context);
      if (!flags.includes('|')) {
        if (unmet !== undefined) return unmet;
      } else if (unmet === undefined) oneHolds = true;
      else anyOf ??= unmet;
    }
  }
  return oneHolds ? undefined : anyOf;
}

function unmetOne(
  check: string,
  subject: string,
  isNegated: boolean,
  { root, hostname }: { readonly root: string; readonly hostname: string },
): string | undefined {
  const place = resolveBelow(root, subject);
  const not = isNegated ? '' : 'not ';
  switch (check) {
    case 'PathExists':
      if (isThere(place) !== isNegated) return undefined;
      return isNegated
        ? `${subject} is there`
        : `${subject} is not there: this part of the stack is not there yet`;
    case 'PathIsDirectory':
      if (is(place, (path) => statSync(path).isDirectory()) !== isNegated) return undefined;
      return `${subject} is ${not}a directory`;
    case 'FileNotEmpty':
      if (is(place, (path) => statSync(path).size > 0) !== isNegated) return undefined;
      return `${subject} is ${not}a file with content`;
    case 'DirectoryNotEmpty':
      if (is(place, (path) => readdirSync(path).length > 0) !== isNegated) return undefined;
      return `${subject} is ${not}a directory with content`;
    case 'Host':
      if ((hostname === subject) !== isNegated) return undefined;
      return `the host name is ${not}${subject}`;
    default:
      return `${check}=${subject} cannot be checked here`;
  }
}

function is(place: string, check: (place: string) => boolean): boolean {
  try {
    return check(place);
  } catch {
    return false;
  }
}
