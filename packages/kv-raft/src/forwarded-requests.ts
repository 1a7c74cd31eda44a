// Requests between members: a follower hands its clients' proposals, reads and membership changes
// to the leader, and the leader answers. Nothing here waits; what gets lost is asked again by its
// owner (proposals, read barrier, member changes).
import type { NodeId, RaftNode } from '@corral/raft';
import type { MemberRefusal } from './backend.js';
import type { ChangeRequest, MemberChanges } from './member-changes.js';
import type { Proposals } from './proposals.js';
import type { ReadBarrier } from './read-barrier.js';
import { readRequestId } from './request-codec.js';
import type { HostMessage, Transport } from './transport.js';

export type ForwardedRequestsOptions = {
  readonly core: RaftNode;
  readonly transport: Transport;
  readonly proposals: Proposals;
  readonly reads: ReadBarrier;
  readonly changes: MemberChanges;
  readonly nextReadId: () => number;
  /** Nothing more is to be proposed before the next tick. */
  readonly hold: () => void;
  readonly schedule: () => void;
};

/** Commands in one frame, by bytes; one command always goes. */
const frameBytesMax = 1024 * 1024;

export class ForwardedRequests {
  readonly #options: ForwardedRequestsOptions;
  /** Reads asked by other members: our read id to who asked. */
  readonly #remoteReads = new Map<number, { readonly from: NodeId; readonly round: number }>();

  constructor(options: ForwardedRequestsOptions) {
    this.#options = options;
  }

  /** Proposes what clients of this member have asked for, here or at the leader. */
  flushProposals(): void {
    const { core, proposals, transport } = this.#options;
    const { leader } = core;
    if (leader === undefined || !proposals.hasQueued) return;
    if (core.role === 'leader') this.#proposeHere(proposals.takeQueued());
    else if (transport.connected(leader)) this.#sendProposals(leader, proposals.takeQueued());
  }

  /** Asks the leader for a read index; false when it cannot be reached now. */
  askForRead(leader: NodeId, round: number): boolean {
    const { transport } = this.#options;
    if (!transport.connected(leader)) return false;
    transport.sendHost(leader, { kind: 'readIndex', round });
    return true;
  }

  sendChange(leader: NodeId, request: ChangeRequest): boolean {
    const { transport } = this.#options;
    if (!transport.connected(leader)) return false;
    const change = Buffer.from(JSON.stringify(request));
    const requestId = BigInt(request.sequence);
    transport.sendHost(leader, { kind: 'proposeChange', requestId, change });
    return true;
  }

  /** The core confirmed (or gave up) a read that another member asked for. */
  answerRead(id: number, index: number | undefined): void {
    const asked = this.#remoteReads.get(id);
    if (asked === undefined) return;
    this.#remoteReads.delete(id);
    const { round } = asked;
    this.#options.transport.sendHost(asked.from, { kind: 'readIndexAnswer', round, index });
  }

  /** The leadership changed: whoever asked here asks anew. */
  forgetReads(): void {
    for (const id of [...this.#remoteReads.keys()]) this.answerRead(id, undefined);
  }

  onHostMessage(from: NodeId, message: HostMessage): void {
    switch (message.kind) {
      case 'propose':
        this.#onPropose(from, message.commands);
        break;
      case 'proposalRefused':
        this.#onRefused(message.requestIds, message.reason);
        break;
      case 'proposeChange':
        this.#onProposeChange(from, message.requestId, message.change);
        break;
      case 'changeAnswer':
        if (message.error !== undefined) {
          const refusal = parseRefusal(message.error.message);
          this.#options.changes.refused(Number(message.requestId), refusal);
        }
        break;
      case 'readIndex':
        this.#onReadIndex(from, message.round);
        break;
      case 'readIndexAnswer':
        if (message.index === undefined) this.#options.reads.fail(message.round);
        else this.#options.reads.confirm(message.round, message.index);
        break;
      default:
        message satisfies never;
    }
    this.#options.schedule();
  }

  #proposeHere(commands: readonly Buffer[]): void {
    const { core, proposals, hold } = this.#options;
    for (const data of commands) {
      const proposed = core.propose(data);
      if (proposed.ok) continue;
      const { sequence } = readRequestId(data);
      if (proposed.reason === 'too-much-uncommitted') {
        proposals.overloaded(sequence);
      } else {
        proposals.requeue(sequence);
        hold();
      }
    }
  }

  #sendProposals(leader: NodeId, queued: readonly Buffer[]): void {
    const { transport } = this.#options;
    let commands: Buffer[] = [];
    let bytes = 0;
    for (const data of queued) {
      if (commands.length > 0 && bytes + data.length > frameBytesMax) {
        transport.sendHost(leader, { kind: 'propose', commands });
        commands = [];
        bytes = 0;
      }
      commands.push(data);
      bytes += data.length;
    }
    if (commands.length > 0) transport.sendHost(leader, { kind: 'propose', commands });
  }

  #onPropose(from: NodeId, commands: readonly Uint8Array[]): void {
    const { core, transport } = this.#options;
    const refused = new Map<string, bigint[]>();
    for (const data of commands) {
      const proposed = core.propose(data);
      if (proposed.ok) continue;
      const ids = refused.get(proposed.reason) ?? [];
      ids.push(BigInt(readRequestId(data).sequence));
      refused.set(proposed.reason, ids);
    }
    for (const [reason, requestIds] of refused) {
      transport.sendHost(from, { kind: 'proposalRefused', requestIds, reason });
    }
  }

  #onRefused(requestIds: readonly bigint[], reason: string): void {
    const { proposals, hold } = this.#options;
    for (const id of requestIds) {
      if (reason === 'too-much-uncommitted') {
        proposals.overloaded(Number(id));
      } else {
        proposals.requeue(Number(id));
        hold();
      }
    }
  }

  #onProposeChange(from: NodeId, requestId: bigint, change: Uint8Array): void {
    const { changes, transport } = this.#options;
    const request = JSON.parse(Buffer.from(change).toString('utf8')) as ChangeRequest;
    changes.take(request, (refusal) => {
      const error = { code: refusal.kind, message: JSON.stringify(refusal) };
      transport.sendHost(from, { kind: 'changeAnswer', requestId, error });
    });
  }

  #onReadIndex(from: NodeId, round: number): void {
    const { core, nextReadId, transport } = this.#options;
    const id = nextReadId();
    this.#remoteReads.set(id, { from, round });
    if (core.requestRead(id).ok) return;
    this.#remoteReads.delete(id);
    transport.sendHost(from, { kind: 'readIndexAnswer', round, index: undefined });
  }
}

function parseRefusal(text: string): MemberRefusal {
  return JSON.parse(text) as MemberRefusal;
}
