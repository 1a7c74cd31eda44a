// Scalars as YAML 1.1 reads them in coreos-cloudinit: y, no and on are booleans, 0644 is octal, 08
// a float; base-60 numbers and dates stay text. (yaml.org/type, with libyaml's habits)

export type ScalarValue =
  | { readonly type: 'null' }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'float'; readonly value: number };

const nulls = new Set(['', '~', 'null', 'Null', 'NULL']);
const trues = new Set('y Y yes Yes YES true True TRUE on On ON'.split(' '));
const falses = new Set('n N no No NO false False FALSE off Off OFF'.split(' '));
const infinity = /^([-+]?)\.(inf|Inf|INF)$/;
const notANumber = new Set(['.nan', '.NaN', '.NAN']);
const float = /^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/;

/** What an unquoted scalar without a tag means. */
export function plainScalar(text: string): ScalarValue {
  if (nulls.has(text)) return { type: 'null' };
  if (trues.has(text)) return { type: 'bool', value: true };
  if (falses.has(text)) return { type: 'bool', value: false };
  const sign = infinity.exec(text)?.[1];
  if (sign !== undefined) return { type: 'float', value: sign === '-' ? -Infinity : Infinity };
  if (notANumber.has(text)) return { type: 'float', value: Number.NaN };
  if (!/^[-+.0-9]/.test(text)) return { type: 'string', value: text };
  return plainNumber(text.replaceAll('_', '')) ?? { type: 'string', value: text };
}

function plainNumber(text: string): ScalarValue | undefined {
  const match = /^([-+]?)(0x[0-9a-fA-F]+|0b[01]+|0o?[0-7]*|[1-9]\d*)$/.exec(text);
  const digits = match?.[2];
  if (digits !== undefined && digits !== '0o') {
    const octal = /^0o?([0-7]+)$/.exec(digits)?.[1];
    const value = BigInt(octal === undefined ? digits : `0o${octal}`);
    return { type: 'int', value: match?.[1] === '-' ? -value : value };
  }
  return float.test(text) ? { type: 'float', value: Number(text) } : undefined;
}
