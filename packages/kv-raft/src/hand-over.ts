// A leader that is about to stop asks the member that is furthest ahead to lead (dissertation 3.10),
// so that the cluster goes on without an election time-out.
import type { Clock } from '@corral/kit';
import type { RaftNode } from '@corral/raft';
import type { Transport } from './transport.js';

/** Does nothing on a member that does not lead. Resolves when another leads or time is over. */
export async function handOver(options: {
  readonly core: RaftNode;
  readonly transport: Pick<Transport, 'connected'>;
  readonly clock: Clock;
  readonly schedule: () => void;
  readonly withinMs: number;
}): Promise<void> {
  const { core, transport, clock, schedule, withinMs } = options;
  const deadline = clock.now() + withinMs;
  const leads = (): boolean => core.role === 'leader';
  const best = [...core.status().progress]
    .filter(([id]) => transport.connected(id))
    .sort(([, a], [, b]) => b.match - a.match)[0];
  if (!leads() || best === undefined) return;
  if (!core.transferLeadership(best[0]).ok) return;
  schedule();
  while (leads() || core.leader === undefined) {
    if (clock.now() >= deadline) return;
    await clock.sleep(5);
  }
}
