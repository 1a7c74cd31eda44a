// The folder of a cluster: its plan is whole, or said to be damaged.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { chooseProcessPlan } from '../src/process/choose-plan.js';
import { makePlan } from '../src/plan.js';
import { ClusterState } from '../src/state.js';

const spec = { name: 'demo', central: 1, workers: 0, cloudConfigs: {}, ignoreUnknown: false };
const given = { number: 7, discoveryPort: 4000, token: 'tok', createdAt: '2026-01-01T00:00:00Z' };
const { plan } = makePlan(spec, given);

function newState(): { readonly home: string; readonly state: ClusterState } {
  const home = mkdtempSync(join(tmpdir(), 'corral-state-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const state = new ClusterState(home, 'demo');
  state.writePlan(plan);
  return { home, state };
}

describe('the folder of a cluster', () => {
  it('keeps the plan, and nothing of how it was written', () => {
    const { state } = newState();

    expect(state.readPlan()).toEqual(plan);
    expect(readdirSync(state.folder)).toEqual(['plan.json']);
  });

  it.each(['', '{', '{}', '[]', '{"schema":2,"nodes":[]}'])('says that %j is no plan', (text) => {
    const { state } = newState();
    writeFileSync(join(state.folder, 'plan.json'), text);

    expect(() => state.readPlan()).toThrow(
      expect.objectContaining({
        code: 'E_CONFIG',
        message: expect.stringMatching(
          /the plan of cluster "demo" cannot be read: .*plan\.json/,
        ) as string,
        remedies: ['corral down demo removes the cluster, with its data'],
      }),
    );
    expect(state.holds(plan)).toBe(false);
  });

  it('of another cluster that is damaged does not keep a new one from its addresses', async () => {
    const { home, state } = newState();
    writeFileSync(join(state.folder, 'plan.json'), '');

    const chosen = await chooseProcessPlan(home, { ...spec, name: 'other' });

    expect(chosen.plan.name).toBe('other');
  });

  it('knows its own plan from that of another life', () => {
    const { state } = newState();
    const later = { ...plan, createdAt: '2026-01-02T00:00:00Z' };

    const [own, other] = [state.holds(plan), state.holds(later)];
    state.remove();

    expect([own, other, state.holds(plan)]).toEqual([true, false, false]);
  });
});
