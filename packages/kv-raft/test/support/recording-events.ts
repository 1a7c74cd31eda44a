// What a transport told its host, as lines, with a way to wait for one.
import { poll, systemClock } from '@corral/kit';
import type { Message, NodeId } from '@corral/raft';
import type { HostMessage, PeerDownReason, TransportEvents } from '../../src/transport.js';

export class RecordingEvents implements TransportEvents {
  readonly lines: string[] = [];
  readonly messages: Message[] = [];
  readonly hostMessages: HostMessage[] = [];

  onMessage(message: Message): void {
    this.messages.push(message);
    this.lines.push(`message ${message.kind} from ${message.from}`);
  }

  onHostMessage(from: NodeId, message: HostMessage): void {
    this.hostMessages.push(message);
    this.lines.push(`host ${message.kind} from ${from}`);
  }

  onSnapshot(from: NodeId, message: Message & { readonly kind: 'snapshot' }): void {
    this.lines.push(`snapshot ${message.meta.index} of term ${message.term} from ${from}`);
  }

  onSnapshotSent(to: NodeId, arrived: boolean): void {
    this.lines.push(`snapshot to ${to} ${arrived ? 'arrived' : 'failed'}`);
  }

  onPeerUp(node: NodeId): void {
    this.lines.push(`up ${node}`);
  }

  onPeerDown(node: NodeId, reason: PeerDownReason): void {
    this.lines.push(`down ${node} ${reason}`);
  }

  onRemoved(): void {
    this.lines.push('removed');
  }

  count(line: string): number {
    return this.lines.filter((one) => one === line).length;
  }

  /** Resolves when `line` was told `times` times; fails after ten seconds with all lines. */
  async until(line: string, times = 1): Promise<void> {
    await poll(() => (this.count(line) >= times ? true : undefined), {
      clock: systemClock,
      what: `"${line}" among ${JSON.stringify(this.lines)}`,
      timeoutMs: 10_000,
    });
  }
}
