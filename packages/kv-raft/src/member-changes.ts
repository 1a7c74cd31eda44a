// Membership changes from request to answer. Any member takes the request; the leader decides
// whether the change is safe now, one change at a time; the asker answers its client when the
// change is applied here.
import type { Clock, Logger } from '@corral/kit';
import type { MembershipChange, NodeId, RaftNode } from '@corral/raft';
import type { Member, MemberOutcome, MemberRefusal, RequestFailure } from './backend.js';
import { decodeChangeContext, encodeChangeContext } from './members.js';
import type { Members } from './members.js';

/** A change as it travels to the leader. */
export type ChangeRequest = {
  readonly kind: MembershipChange['kind'];
  readonly id: NodeId;
  readonly peerUrls: readonly string[];
  readonly session: number;
  readonly sequence: number;
};

type Asked = {
  readonly request: ChangeRequest;
  readonly startedAt: number;
  readonly resolve: (outcome: MemberOutcome) => void;
  sent: boolean;
};

/** A change that the leader holds until the core can take it. */
type Held = { readonly request: ChangeRequest; readonly answer: (refusal: MemberRefusal) => void };

export type MemberChangesOptions = {
  readonly core: RaftNode;
  readonly members: Members;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly session: number;
  readonly timeoutMs: number;
  readonly strict: boolean;
  readonly takeSequence: () => number;
  readonly schedule: () => void;
  /** Hands a change to another member that leads; false when it is not reachable. */
  readonly sendToLeader: (leader: NodeId, request: ChangeRequest) => boolean;
};

const heldMax = 64;

export class MemberChanges {
  readonly #options: MemberChangesOptions;
  readonly #asked = new Map<number, Asked>();
  #held: Held[] = [];

  constructor(options: MemberChangesOptions) {
    this.#options = options;
  }

  /** Asks for a change on behalf of a client of this member; never rejects. */
  ask(change: {
    readonly kind: MembershipChange['kind'];
    readonly id: NodeId;
    readonly peerUrls: readonly string[];
  }): Promise<MemberOutcome> {
    const { members, session, takeSequence, clock, schedule } = this.#options;
    const sequence = takeSequence();
    const request: ChangeRequest = { ...change, session, sequence };
    // A removal is final, so this member may say so. All else is the leader's to judge: this member
    // may be behind, and know a change of a moment ago not yet.
    if (members.removed.has(change.id)) {
      return Promise.resolve({ ok: false, refusal: { kind: 'removed' } });
    }
    return new Promise((resolve) => {
      this.#asked.set(sequence, { request, startedAt: clock.now(), resolve, sent: false });
      schedule();
    });
  }

  /** The leader takes a change from another member's client. */
  take(request: ChangeRequest, answer: (refusal: MemberRefusal) => void): void {
    if (this.#held.length >= heldMax) {
      answer({ kind: 'failed', failure: 'E_RAFT_TOO_MANY_REQUESTS' });
      return;
    }
    if (this.#held.some((held) => sameRequest(held.request, request))) return;
    this.#held.push({ request, answer });
    this.#options.schedule();
  }

  /** Sends what was asked for, and proposes what is held; called once a turn. */
  flush(): void {
    const { core, sendToLeader } = this.#options;
    const { leader } = core;
    for (const asked of this.#asked.values()) {
      if (asked.sent || leader === undefined) continue;
      const { sequence } = asked.request;
      const refuse = (refusal: MemberRefusal): void => this.refused(sequence, refusal);
      if (core.role === 'leader') {
        asked.sent = true;
        this.take(asked.request, refuse);
      } else {
        asked.sent = sendToLeader(leader, asked.request);
      }
    }
    if (core.role === 'leader') this.#proposeHeld();
    else this.#held = [];
  }

  /** Another leader appeared: what was asked for goes to it. */
  resend(): void {
    for (const asked of this.#asked.values()) asked.sent = false;
    this.#held = [];
  }

  /** The leader refused a change of this member's client. */
  refused(sequence: number, refusal: MemberRefusal): void {
    const asked = this.#asked.get(sequence);
    if (asked === undefined) return;
    this.#asked.delete(sequence);
    // A copy of this very change may have been applied meanwhile: then it succeeded.
    const done = this.#alreadyDone(asked.request, refusal);
    asked.resolve(done ?? { ok: false, refusal });
  }

  /** A change took effect on this member. */
  applied(change: MembershipChange): void {
    // What waits behind it can be judged now.
    if (this.#held.length > 0) this.#options.schedule();
    const { session, sequence } = decodeChangeContext(change.context);
    if (session !== this.#options.session) return;
    const asked = this.#asked.get(sequence);
    if (asked === undefined) return;
    this.#asked.delete(sequence);
    asked.resolve({ ok: true, member: this.#memberAfter(asked.request) });
  }

  expire(): void {
    const { clock, timeoutMs } = this.#options;
    for (const [sequence, asked] of this.#asked) {
      if (clock.now() - asked.startedAt >= timeoutMs) {
        this.refused(sequence, { kind: 'failed', failure: 'E_RAFT_TIMEOUT' });
      }
    }
  }

  failAll(failure: RequestFailure): void {
    for (const sequence of [...this.#asked.keys()]) {
      this.refused(sequence, { kind: 'failed', failure });
    }
  }

  #proposeHeld(): void {
    const { core, members, strict, logger } = this.#options;
    const waiting: Held[] = [];
    for (const held of this.#held) {
      const { request } = held;
      const refusal =
        whyNot(request, members) ?? (strict ? whyUnsafe(request, members) : undefined);
      if (refusal !== undefined) {
        held.answer(refusal);
        continue;
      }
      const { session, sequence, peerUrls } = request;
      const context = encodeChangeContext({ peerUrls, session, sequence });
      const proposed = core.proposeMembership({ kind: request.kind, node: request.id, context });
      if (proposed.ok) {
        logger.info('proposed membership change', { change: request.kind, member: request.id });
      } else if (proposed.reason === 'already-a-voter') {
        held.answer({ kind: 'id-exists' });
      } else if (proposed.reason === 'not-a-voter') {
        held.answer({ kind: 'not-found' });
      } else if (proposed.reason === 'last-voter') {
        held.answer({ kind: 'unsafe', reason: 'the last member cannot be removed' });
      } else {
        waiting.push(held);
      }
    }
    this.#held = waiting;
  }

  #alreadyDone(request: ChangeRequest, refusal: MemberRefusal): MemberOutcome | undefined {
    const { members } = this.#options;
    const added = request.kind === 'add' && members.get(request.id) !== undefined;
    const exists = refusal.kind === 'id-exists' || refusal.kind === 'peer-url-exists';
    const removed = request.kind === 'remove' && refusal.kind === 'removed';
    if ((added && exists) || removed) return { ok: true, member: this.#memberAfter(request) };
    return undefined;
  }

  #memberAfter(request: ChangeRequest): Member {
    const known = this.#options.members.get(request.id);
    return known ?? { id: request.id, name: '', peerUrls: request.peerUrls, clientUrls: [] };
  }
}

function sameRequest(a: ChangeRequest, b: ChangeRequest): boolean {
  return a.session === b.session && a.sequence === b.sequence;
}

function whyNot(request: ChangeRequest, members: Members): MemberRefusal | undefined {
  const { id, kind, peerUrls } = request;
  if (members.removed.has(id)) return { kind: 'removed' };
  const known = members.get(id);
  if (kind === 'add' && known !== undefined) return { kind: 'id-exists' };
  if (kind !== 'add' && known === undefined) return { kind: 'not-found' };
  if (kind === 'remove') return undefined;
  const taken = members
    .list()
    .some((member) => member.id !== id && member.peerUrls.some((url) => peerUrls.includes(url)));
  return taken ? { kind: 'peer-url-exists' } : undefined;
}

/** etcd's --strict-reconfig-check: enough started members must remain for a quorum. */
function whyUnsafe(request: ChangeRequest, members: Members): MemberRefusal | undefined {
  const all = members.list();
  const started = all.filter((member) => member.name !== '');
  if (request.kind === 'add') {
    const quorum = Math.floor((all.length + 1) / 2) + 1;
    if (started.length === 1 && all.length === 1) return undefined;
    if (started.length >= quorum) return undefined;
    const reason = `re-configuration failed due to not enough started members: ${started.length} started, ${quorum} needed after the addition`;
    return { kind: 'unsafe', reason };
  }
  if (request.kind === 'remove') {
    const quorum = Math.floor((all.length - 1) / 2) + 1;
    const left = started.filter((member) => member.id !== request.id).length;
    if (left >= quorum) return undefined;
    const reason = `re-configuration failed due to not enough started members: ${left} would be left, ${quorum} needed`;
    return { kind: 'unsafe', reason };
  }
  return undefined;
}
