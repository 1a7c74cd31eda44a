// What can be wrong with a text as YAML: the place, libyaml's words, and the line that the original
// prints, which counts from 0 for errors of the scanner and is 1 for those that come later.
import type { Document, LineCounter } from 'yaml';
import type { Position, TreeNode } from './tree.js';

export class YamlProblem extends Error {
  readonly at: Position;
  /** The line of the original's report. */
  readonly referenceLine: number;
  readonly hint: string | undefined;

  constructor(
    message: string,
    at: Position,
    options: { readonly referenceLine?: number; readonly hint?: string | undefined } = {},
  ) {
    super(message);
    this.at = at;
    this.referenceLine = options.referenceLine ?? 1;
    this.hint = options.hint;
  }
}

/** libyaml's texts for the errors of the library, by code and the beginning of its message. */
const texts: readonly (readonly [string, RegExp, string])[] = [
  ['TAB_AS_INDENT', /^/, 'found character that cannot start any token'],
  ['BAD_SCALAR_START', /^/, 'found character that cannot start any token'],
  ['BLOCK_AS_IMPLICIT_KEY', /^/, 'mapping values are not allowed in this context'],
  ['MULTILINE_IMPLICIT_KEY', /^/, 'mapping values are not allowed in this context'],
  ['BAD_INDENT', /^Flow/, "did not find expected ',' or ']'"],
  ['BAD_INDENT', /sequence items/, "did not find expected '-' indicator"],
  ['BAD_INDENT', /^/, 'did not find expected key'],
  ['MISSING_CHAR', /^Implicit map keys/, "could not find expected ':'"],
  ['MISSING_CHAR', /^Missing closing/, 'found unexpected end of stream'],
  ['MISSING_CHAR', /^Flow|Expected flow|end with/, "did not find expected ',' or ']'"],
  ['BAD_DQ_ESCAPE', /^/, 'found unknown escape character'],
  ['BAD_ALIAS', /^/, 'did not find expected alphabetic or numeric character'],
  ['BAD_DIRECTIVE', /^/, 'found uknown directive name'],
  ['UNEXPECTED_TOKEN', /^/, 'did not find expected key'],
];

/** The first error of a document; a directive that is not known is one, too. */
export function libraryProblem(
  document: Document,
  text: string,
  lines: LineCounter,
): YamlProblem | undefined {
  const directive = document.warnings.find(({ code }) => code === 'BAD_DIRECTIVE');
  const error = document.errors[0] ?? directive;
  if (error === undefined) return undefined;
  const own = (error.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
  const found = texts.find(([code, start]) => code === error.code && start.test(own))?.[2];
  const { line, col } = lines.linePos(Math.min(error.pos[0], text.length));
  const last = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
  const late = found === "could not find expected ':'" || found?.endsWith('end of stream') === true;
  const noticed = found?.endsWith('end of stream') === true ? last : line;
  return new YamlProblem(
    found ?? own,
    { line, column: col },
    {
      referenceLine: Math.max(1, late ? noticed : line - 1),
      hint: found === undefined ? undefined : own,
    },
  );
}

/** A character that YAML does not allow, or one that stands for bytes that are no UTF-8. */
export function controlCharacter(text: string): YamlProblem | undefined {
  // eslint's no-control-regex guards against accidents; here the class is the point.
  const bad = new RegExp(
    String.raw`[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\ufffe\uffff]`,
  );
  const at = text.search(bad);
  if (at < 0) return undefined;
  const before = text.slice(0, at).split('\n');
  const place = { line: before.length, column: (before.at(-1) ?? '').length + 1 };
  return new YamlProblem('control characters are not allowed', place);
}

/** A value as Go's %#v prints it; for keys that are no text, such as an unrendered `{{ x }}`. */
export function goSyntax(node: TreeNode): string {
  switch (node.kind) {
    case 'null':
      return 'interface {}(nil)';
    case 'scalar':
      return node.type === 'string' ? JSON.stringify(node.text) : String(node.value);
    case 'list':
      return `[]interface {}{${node.items.map(goSyntax).join(', ')}}`;
    case 'map': {
      const entries = node.entries.map(
        ({ key, written, value }) => `${JSON.stringify(written ?? key)}:${goSyntax(value)}`,
      );
      return `map[interface {}]interface {}{${entries.join(', ')}}`;
    }
    default:
      return node satisfies never;
  }
}
