// The article's three files: what is planned and what is rendered, as text.
// UPDATE_GOLDENS=1 rewrites the stories; review the difference.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyPlan } from '../src/apply.js';
import { parseUserData } from '../src/config.js';
import { planCloudConfig } from '../src/plan.js';
import type { Step } from '../src/plan.js';
import { rootTarget } from '../src/root-target.js';
import { substitute } from '../src/substitute.js';
import { temporaryFolder, treeText } from './temporary.js';

const examples = join(import.meta.dirname, '../../../examples/article');
const goldens = join(import.meta.dirname, 'golden');
const addresses = { privateIpv4: '10.9.8.7', publicIpv4: '203.0.113.5' };

function stepsOf(name: string): Step[] {
  const text = readFileSync(join(examples, `${name}.yaml`), 'utf8');
  const data = parseUserData(substitute(text, addresses));
  expect(data.findings).toEqual([]);
  if (data.kind !== 'cloud-config') throw new Error(`${name} is ${data.kind}`);
  return planCloudConfig(data.config, addresses);
}

function stepText(step: Step): string {
  const { kind, ...rest } = step;
  const facts = Object.entries(rest).map(([key, value]: [string, unknown]) =>
    Buffer.isBuffer(value) ? `${key}=${value.length} bytes` : `${key}=${JSON.stringify(value)}`,
  );
  return [kind, ...facts].join(' ');
}

function expectGolden(file: string, text: string): void {
  const path = join(goldens, file);
  if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(path, text);
  expect(text).toBe(readFileSync(path, 'utf8'));
}

describe.each(['central', 'worker', 'core-01'])("the article's %s.yaml", (name) => {
  it('gives this plan', () => {
    const steps = stepsOf(name);

    expectGolden(`${name}.plan.txt`, `${steps.map(stepText).join('\n')}\n`);
  });

  it('renders this tree below a root, and the same tree when applied again', async () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, 'usr/share/coreos'), { recursive: true });
    writeFileSync(join(folder.path, 'usr/share/coreos/update.conf'), 'GROUP=stable\n');

    await applyPlan(stepsOf(name), rootTarget({ root: folder.path }));
    const once = treeText(folder.path);
    await applyPlan(stepsOf(name), rootTarget({ root: folder.path }));

    expectGolden(`${name}.tree.txt`, once);
    expect(treeText(folder.path)).toBe(once);
  });
});
