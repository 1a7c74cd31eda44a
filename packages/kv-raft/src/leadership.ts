// Who leads, since when, and for how long nobody has: what time-outs, statistics and the early
// campaign need to know.
import type { Clock, Logger } from '@corral/kit';
import type { NodeId, SoftState } from '@corral/raft';
import { compareIds } from './members.js';

export class Leadership {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #soft: SoftState;
  /** Monotonic ms: since when this leader is known. */
  leaderSince: number | undefined;
  /** The same moment as a wall time, for people. */
  leaderSinceWallTime: number | undefined;
  /** Monotonic ms: since when no leader is known; undefined while there is one. */
  leaderlessSince: number | undefined;
  changes = 0;

  constructor(options: { clock: Clock; logger: Logger; soft: SoftState }) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#soft = options.soft;
    this.leaderlessSince = options.clock.now();
  }

  /** A leader was known at some time in this life. */
  get seen(): boolean {
    return this.changes > 0;
  }

  /** Notes the core's new state; undefined when neither leader nor term changed. */
  note(soft: SoftState): 'elected' | 'lost' | undefined {
    const before = this.#soft;
    this.#soft = soft;
    if (soft.leader === before.leader && soft.term === before.term) return undefined;
    if (soft.leader === undefined) {
      this.leaderlessSince ??= this.#clock.now();
      if (before.leader !== undefined) {
        this.#logger.info('lost leader', { term: soft.term, leader: before.leader });
      }
      return 'lost';
    }
    this.leaderlessSince = undefined;
    this.leaderSince = this.#clock.now();
    this.leaderSinceWallTime = this.#clock.wallTime();
    this.changes += 1;
    this.#logger.info('leader elected', {
      term: soft.term,
      leader: soft.leader,
      role: soft.role,
    });
    return 'elected';
  }
}

/**
 * A cluster that has just started need not wait for an election time-out: the lowest id asks for a
 * pre-vote as soon as it reaches a majority. Where a leader lives, the pre-vote is refused.
 */
export function goesFirst(
  self: NodeId,
  voters: Iterable<NodeId>,
  connected: (id: NodeId) => boolean,
): boolean {
  const ids = [...voters].sort(compareIds);
  if (ids[0] !== self) return false;
  return ids.filter((id) => id === self || connected(id)).length > ids.length / 2;
}
