// What one seed draws: the size of the cluster, the core's settings, and which faults are on and
// how strong (swarm testing: with all faults always on, most bugs hide behind the others).
import type { Prng } from '@corral/kit';
import { defaultConfig } from '../../src/index.js';
import type { RaftConfig } from '../../src/index.js';

export type CoreSettings = Omit<RaftConfig, 'id' | 'random'>;

export type SimOptions = {
  readonly voters: number;
  /** Members that may be added later. */
  readonly spares: number;
  readonly core: CoreSettings;
  readonly tickMs: number;
  /** How long the faults last. */
  readonly faultyMs: number;
  /** Inputs gather for up to this long before the host has a turn. */
  readonly turnDelayMs: number;
  readonly snapshotEvery: number;
  readonly keepEntries: number;
  readonly network: {
    readonly delayMs: number;
    readonly tailMs: number;
    readonly loss: number;
    readonly duplicate: number;
    readonly replay: number;
    readonly reorder: boolean;
  };
  readonly disk: { readonly syncMs: number; readonly slowMs: number };
  /** Mean time between two faults, per kind; Infinity: never. */
  readonly everyMs: Readonly<Record<FaultKind, number>>;
  readonly proposeEveryMs: number;
  readonly readEveryMs: number;
  readonly commandBytes: number;
  /** Removed members are switched off a moment after they have applied their removal. */
  readonly stopsRemoved: boolean;
};

export const faultKinds = [
  'crash',
  'crashAll',
  'pause',
  'partition',
  'oneWay',
  'isolateLeader',
  'slowDisk',
  'membership',
  'transfer',
  'leaderLost',
  'falseLeaderLost',
  'campaign',
  'unreachable',
] as const;
export type FaultKind = (typeof faultKinds)[number];

const meanMs: Readonly<Record<FaultKind, number>> = {
  crash: 400,
  crashAll: 1_500,
  pause: 500,
  partition: 400,
  oneWay: 300,
  isolateLeader: 400,
  slowDisk: 500,
  membership: 150,
  transfer: 300,
  leaderLost: 1,
  falseLeaderLost: 200,
  campaign: 300,
  unreachable: 200,
};

export function drawOptions(prng: Prng): SimOptions {
  const chance = (share: number): boolean => prng.next() < share;
  const pick = <T>(values: readonly T[]): T => values[prng.below(values.length)]!;
  const maybe = (share: number, value: number): number => (chance(share) ? value : 0);
  const everyMs = Object.fromEntries(
    faultKinds.map((kind) => [kind, chance(0.4) ? meanMs[kind] * (0.5 + prng.next()) : Infinity]),
  ) as Record<FaultKind, number>;
  const electionTicks = pick([8, 10, 14]);
  return {
    voters: pick([1, 2, 3, 3, 3, 3, 4, 5, 5]),
    spares: everyMs.membership < Infinity ? pick([1, 2]) : 0,
    core: {
      ...defaultConfig,
      electionTicks,
      heartbeatTicks: pick([1, 1, 2]),
      preVote: chance(0.75),
      checkQuorum: chance(0.75),
      maxAppendBytes: pick([1, 100, 1_000_000]),
      maxInflightMessages: pick([1, 3, 64]),
      maxInflightBytes: pick([50, 1_000_000]),
      maxUncommittedBytes: pick([400, 1_000_000]),
      maxCommittedBytes: pick([1, 200, 1_000_000]),
    },
    tickMs: 10,
    faultyMs: pick([800, 1_500, 2_500]),
    turnDelayMs: pick([0, 0, 2, 8]),
    snapshotEvery: pick([5, 20, 50, Infinity]),
    keepEntries: pick([0, 3, 30]),
    network: {
      delayMs: pick([0.2, 1, 4]),
      tailMs: pick([0, 0.5, 5, 30]),
      loss: maybe(0.5, prng.next() * 0.3),
      duplicate: maybe(0.4, prng.next() * 0.3),
      replay: maybe(0.3, prng.next() * 0.2),
      reorder: chance(0.4),
    },
    disk: { syncMs: pick([0.2, 1, 5, 10]), slowMs: pick([50, 300]) },
    everyMs,
    proposeEveryMs: pick([3, 10, 30]),
    readEveryMs: pick([10, 30, 100]),
    commandBytes: pick([4, 12, 60]),
    stopsRemoved: chance(0.3),
  };
}
