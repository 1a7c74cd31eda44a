// %-specifiers in unit files. (systemd.unit(5), SPECIFIERS)
import { release } from 'node:os';
import { UnitError } from './unit-file.js';

export type SpecifierValues = {
  readonly unit: string;
  readonly hostname: string;
  readonly machineId: string;
  readonly bootId: string;
};

/** Throws UnitError on a specifier that is not known. */
export function expandSpecifiers(text: string, values: SpecifierValues, where: string): string {
  const base = values.unit.replace(/\.[a-z]+$/, '');
  const at = base.indexOf('@');
  const prefix = at < 0 ? base : base.slice(0, at);
  const instance = at < 0 ? '' : base.slice(at + 1);
  const table: Readonly<Record<string, string>> = {
    n: values.unit,
    N: base,
    p: prefix,
    P: unescapeName(prefix),
    i: instance,
    I: unescapeName(instance),
    H: values.hostname,
    l: values.hostname.split('.')[0] ?? '',
    m: values.machineId,
    b: values.bootId,
    u: 'root',
    U: '0',
    h: '/root',
    s: '/bin/sh',
    t: '/run',
    S: '/var/lib',
    C: '/var/cache',
    L: '/var/log',
    T: '/tmp',
    V: '/var/tmp',
    v: release(),
    f: `/${unescapeName(at < 0 ? prefix : instance).replace(/^\/+/, '')}`,
    j: prefix.slice(prefix.lastIndexOf('-') + 1),
    J: unescapeName(prefix.slice(prefix.lastIndexOf('-') + 1)),
    '%': '%',
  };
  return text.replace(/%(.?)/gs, (match, letter: string) => {
    const value = table[letter];
    if (value === undefined) {
      throw new UnitError('E_UNIT_FILE', `${where}: the specifier ${match} is not known`);
    }
    return value;
  });
}

function unescapeName(name: string): string {
  return name
    .replaceAll('-', '/')
    .replace(/\\x([0-9a-fA-F]{2})/g, (_match, hex: string) =>
      String.fromCharCode(parseInt(hex, 16)),
    );
}
