// Whatever comes in, nothing crashes, nothing takes for ever, and what is wrong has a place.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseUserData } from '../src/config.js';
import type { UserData } from '../src/config.js';
import { CloudinitError } from '../src/findings.js';
import { planCloudConfig } from '../src/plan.js';
import { userDataText } from '../src/user-data.js';

const examples = ['central', 'worker', 'core-01'].map((name) =>
  readFileSync(join(import.meta.dirname, `../../../examples/article/${name}.yaml`), 'utf8'),
);

/** Parses and plans; throws unless each finding is within the text and each refusal is coded. */
function survive(text: string): UserData {
  const data = parseUserData(text);
  const lines = text.split('\n').length;
  for (const { line, column, referenceLine, message } of data.findings) {
    const place = `${line}:${column} ${message} in ${JSON.stringify(text)}`;
    expect(line >= 1 && line <= lines && column >= 1, place).toBe(true);
    expect(referenceLine >= 0 && referenceLine <= lines, place).toBe(true);
    expect(message).not.toBe('');
  }
  if (data.kind === 'error') expect(data.findings.length).toBeGreaterThan(0);
  if (data.kind !== 'cloud-config') return data;
  try {
    planCloudConfig(data.config, { privateIpv4: '10.0.0.1' });
  } catch (error) {
    expect(error).toBeInstanceOf(CloudinitError);
  }
  return data;
}

describe('hostile user-data', () => {
  it('of random bytes is judged', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, header) => {
        const text = Buffer.from(bytes).toString('utf8');
        survive(header ? `#cloud-config\n${text}` : text);
      }),
      { numRuns: 500 },
    );
  });

  it('of YAML characters is judged', () => {
    const piece = fc.constantFrom(
      ...'- : ? [ ] { } , # & * ! | > \' " % @ ` ~ << \n \t a b 1 0644 y no &a *a !!binary !!int --- ...'.split(
        ' ',
      ),
      ' ',
      '\n  ',
      'coreos:',
      'write_files:',
      'units:',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        survive(`#cloud-config\n${pieces.join('')}`);
      }),
      { numRuns: 2_000 },
    );
  });

  it("mutated from the article's files is judged", () => {
    const mutation = fc.record({
      at: fc.nat(),
      cut: fc.nat(12),
      text: fc.oneof(
        fc.string({ maxLength: 6 }),
        fc.constantFrom('\n', ' ', '\t', ':', '- ', '[', '{', '"', '&a ', '*a', '<<: '),
      ),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...examples),
        fc.array(mutation, { minLength: 1, maxLength: 5 }),
        (example, mutations) => {
          let text = example;
          for (const { at, cut, text: added } of mutations) {
            const start = at % (text.length + 1);
            text = text.slice(0, start) + added + text.slice(start + cut);
          }
          survive(text);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['nested without end', `#cloud-config\na: ${'['.repeat(20_000)}`],
    ['a mapping in a mapping', `#cloud-config\n${'{a: '.repeat(5_000)}`],
    [
      'a billion laughs',
      `#cloud-config\na0: &a0 [x, x]\n${Array.from(
        { length: 40 },
        (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}, *a${i}, *a${i}]\n`,
      ).join('')}`,
    ],
    ['larger than 1 MiB', `#cloud-config\n# ${'x'.repeat(1024 * 1024)}`],
    ['many nodes', `#cloud-config\na: [${'x,'.repeat(110_000)}]`],
  ])('%s is an error, soon', (_name, text) => {
    const data = survive(text);

    expect(data.kind).toBe('error');
  });

  it.each([
    [
      'unknown keys by the thousand',
      Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`).join('\n'),
    ],
    ['a key a thousand times', 'users: [{name: a}]\n'.repeat(10_000)],
    ['a pattern that backtracks', `coreos: {locksmith: {window-length: ${'a'.repeat(50_000)}!}}`],
    ['a long key', `${'x'.repeat(1_000)}: 1\n${'coreos'.repeat(150)}: 2`],
  ])('%s is read without hanging', (_name, body) => {
    const data = parseUserData(`#cloud-config\n${body}\n`);

    expect(data.kind).toBe('cloud-config');
  });

  it('packed to a bomb does not fill the memory', () => {
    const bomb = gzipSync(Buffer.alloc(70 * 1024 * 1024));

    expect(() => userDataText(bomb)).toThrow(expect.objectContaining({ code: 'E_USER_DATA' }));
  });
});
