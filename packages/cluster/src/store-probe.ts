// What a node's store says of itself: Raft role and indexes, the members, a key. Every question has
// its own time limit, so that a paused node costs no more than that.
import { Agent, request as httpRequest } from 'node:http';
import type { NodeStatus } from './status.js';

export type ProbeAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
};

/** One request without keep-alive; undefined when there is no answer in time. */
export function ask(
  url: string,
  options: { readonly method?: string; readonly body?: string; readonly timeoutMs?: number } = {},
): Promise<ProbeAnswer | undefined> {
  return new Promise((resolve) => {
    const { method = 'GET', body, timeoutMs = 1_000 } = options;
    const type =
      body?.startsWith('{') === true ? 'application/json' : 'application/x-www-form-urlencoded';
    const asked = httpRequest(
      url,
      {
        method,
        agent: new Agent({ keepAlive: false }),
        headers: body === undefined ? {} : { 'Content-Type': type },
        signal: AbortSignal.timeout(timeoutMs),
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', () => resolve(undefined));
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text });
        });
      },
    );
    asked.on('error', () => resolve(undefined));
    asked.end(body);
  });
}

/** Raft's view of a member; undefined when it does not answer or is no member. */
export async function probeRaft(
  clientUrl: string,
): Promise<(NonNullable<NodeStatus['raft']> & { readonly memberId: string }) | undefined> {
  const [variables, self, any] = await Promise.all([
    ask(`${clientUrl}/debug/vars`),
    ask(`${clientUrl}/v2/stats/self`),
    ask(`${clientUrl}/v2/keys/`),
  ]);
  const raft = parse(variables?.body)['raft.status'] as
    { readonly term?: number; readonly commit?: number; readonly lead?: string } | undefined;
  const stats = parse(self?.body) as { readonly id?: string; readonly state?: string };
  if (raft === undefined || stats.id === undefined) return undefined;
  const role =
    stats.state === 'StateLeader'
      ? 'leader'
      : stats.state === 'StateFollower'
        ? 'follower'
        : 'candidate';
  const followsNobody = role === 'follower' && (raft.lead === '0' || raft.lead === '');
  return {
    role: followsNobody ? 'candidate' : role,
    term: raft.term ?? 0,
    commit: raft.commit ?? 0,
    applied: Number(any?.headers['x-raft-index'] ?? 0),
    memberId: stats.id,
  };
}

function parse(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text ?? '{}') as Record<string, unknown>;
  } catch {
    return {};
  }
}
