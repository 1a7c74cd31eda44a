// The commands that a member proposes by itself: its name and client URLs, the cluster's version,
// and the expiry of keys. Called at every tick; each has at most one proposal under way.
import type { Clock, Logger } from '@corral/kit';
import type { NodeId } from '@corral/raft';
import type { Applier } from './applier.js';
import { clusterVersionCommand, publishCommand } from './members.js';
import type { Proposals } from './proposals.js';
import { clusterVersion } from './version.js';

export type HousekeepingOptions = {
  readonly memberId: NodeId;
  readonly clusterId: string;
  readonly name: string;
  readonly advertiseClientUrls: readonly string[];
  readonly applier: Applier;
  readonly proposals: Proposals;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Expired keys are looked for this often (etcd: 500 ms). */
const expireEveryMs = 500;

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  #publishing = false;
  #expiring = false;
  #lastExpireAt = 0;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  tick(situation: { readonly hasLeader: boolean; readonly leads: boolean }): void {
    if (situation.hasLeader) this.#publish();
    if (situation.leads) this.#expireKeys();
  }

  /** A new leader writes the cluster's version once. */
  startLeading(): void {
    const { applier, proposals } = this.#options;
    if (applier.members.clusterVersion !== undefined) return;
    void proposals.add(clusterVersionCommand(clusterVersion));
  }

  /** Publishes this member's name and client URLs until the cluster holds them. */
  #publish(): void {
    const { memberId: id, name, advertiseClientUrls, applier, proposals } = this.#options;
    const own = applier.members.get(id);
    if (this.#publishing || own === undefined) return;
    const wanted = [...advertiseClientUrls].sort();
    if (own.name === name && own.clientUrls.join() === wanted.join()) return;
    this.#publishing = true;
    void proposals.add(publishCommand({ id, name, clientUrls: wanted })).then((outcome) => {
      this.#publishing = false;
      if (!outcome.ok) return;
      const { logger, clusterId } = this.#options;
      logger.info(`published {Name:${name} ClientURLs:[${wanted.join(' ')}]} to cluster`, {
        clusterId,
      });
    });
  }

  /** The leader's clock decides what has expired; the entry says so to everybody. */
  #expireKeys(): void {
    const { applier, clock, proposals } = this.#options;
    if (this.#expiring || applier.store.expiringNodes === 0) return;
    if (clock.now() - this.#lastExpireAt < expireEveryMs) return;
    this.#lastExpireAt = clock.now();
    this.#expiring = true;
    void proposals.add({ kind: 'expire', now: clock.wallTime() }).then(() => {
      this.#expiring = false;
    });
  }
}
