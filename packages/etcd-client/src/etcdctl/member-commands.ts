// Commands on the cluster: members and their health.
import { errorMessage, systemClock } from '@corral/kit';
import { parseJson } from '../answers.js';
import { ClientError } from '../errors.js';
import type { MemberInfo } from '../members.js';
import { Connections } from '../request.js';
import { EtcdctlExit } from './run.js';
import type { CommandContext } from './run.js';

const healthEveryMs = 10_000;
const healthLimitMs = 2_000;

export async function runMember(context: CommandContext): Promise<number> {
  const { parsed, client, stdout } = context;
  const { words } = parsed;
  try {
    switch (parsed.command) {
      case 'member list':
        return await list(context);
      case 'member add': {
        const [name, peerUrl, extra] = words;
        if (name === undefined || peerUrl === undefined || extra !== undefined) {
          throw new EtcdctlExit(1, 'Provide a name and a single member peerURL\n');
        }
        const added = await client.members.add([peerUrl]);
        const all = await client.members.list();
        const cluster = all.flatMap((member) => {
          const memberName = member.id === added.id ? name : member.name;
          return member.peerUrls.map((url) => `${memberName}=${url}`);
        });
        stdout(
          `Added member named ${name} with ID ${added.id} to cluster\n\nETCD_NAME="${name}"\n` +
            `ETCD_INITIAL_CLUSTER="${cluster.join(',')}"\nETCD_INITIAL_CLUSTER_STATE="existing"\n`,
        );
        return 0;
      }
      case 'member remove': {
        const [id, extra] = words;
        if (id === undefined || extra !== undefined) {
          throw new EtcdctlExit(1, 'Provide a single member ID\n');
        }
        await findMember(context, id);
        await client.members.remove(id);
        stdout(`Removed member ${id} from cluster\n`);
        return 0;
      }
      case 'member update': {
        const [id, urls, extra] = words;
        if (id === undefined || urls === undefined || extra !== undefined) {
          const text =
            'Provide an ID and a list of comma separated peerURL (0xabcd http://example.com,http://example1.com)\n';
          throw new EtcdctlExit(1, text);
        }
        await client.members.update(id, urls.split(','));
        stdout(`Updated member with ID ${id} in cluster\n`);
        return 0;
      }
      default:
        throw new EtcdctlExit(1, `No help topic for '${parsed.command}'\n`);
    }
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    const reason = error.details['message'];
    throw new EtcdctlExit(1, `${typeof reason === 'string' ? reason : error.message}\n`);
  }
}

async function list({ client, parsed, stdout }: CommandContext): Promise<number> {
  if (parsed.words.length > 0) throw new EtcdctlExit(1, 'No arguments accepted\n');
  const members = await client.members.list();
  const leader = await client.members.leader();
  if (leader === undefined) throw new EtcdctlExit(1, 'Failed to get leader:  During election\n');
  for (const { id, name, peerUrls, clientUrls } of members) {
    const peers = `peerURLs=${peerUrls.join(',')}`;
    const started = `name=${name} ${peers} clientURLs=${clientUrls.join(',')} isLeader=${String(id === leader.id)}`;
    stdout(name === '' ? `${id}[unstarted]: ${peers}\n` : `${id}: ${started}\n`);
  }
  return 0;
}

/** Throws EtcdctlExit when there is none of this id, with a hint when `id` is a member's name. */
async function findMember({ client }: CommandContext, id: string): Promise<void> {
  const members = await client.members.list();
  if (members.some((member) => member.id === id)) return;
  const named = members.find((member) => member.name === id);
  const hint =
    named === undefined
      ? ''
      : `Found a member named ${id}; please use its ID (${named.id}) instead.\n`;
  throw new EtcdctlExit(1, `${hint}Couldn't find a member in the cluster with an ID of ${id}.\n`);
}

/** Exit code 0 when every member is healthy, else 5. */
export async function runClusterHealth(context: CommandContext): Promise<number> {
  const { client, parsed, stdout, signal } = context;
  const forever = parsed.flags.has('forever') || parsed.flags.has('f');
  for (;;) {
    const members = await client.members.list().catch((error: unknown) => {
      stdout('cluster may be unhealthy: failed to list members\n');
      throw error;
    });
    const healthy: boolean[] = [];
    for (const member of members) healthy.push(await checkMember(member, context));
    const good = healthy.filter((one) => one).length;
    const verdict = good === members.length ? 'healthy' : good > 0 ? 'degraded' : 'unavailable';
    stdout(`cluster is ${verdict}\n`);
    if (!forever) return verdict === 'healthy' ? 0 : 5;
    stdout('\n');
    await systemClock.sleep(healthEveryMs, { signal }).catch(() => undefined);
    if (signal.aborted) return 0;
  }
}

async function checkMember(
  member: MemberInfo,
  { stdout, connection }: CommandContext,
): Promise<boolean> {
  const { id, clientUrls } = member;
  if (clientUrls.length === 0) {
    stdout(`member ${id} is unreachable: no available published client urls\n`);
    return false;
  }
  const connections = new Connections(connection);
  try {
    for (const url of clientUrls) {
      const request = { method: 'GET', path: '/health', timeoutMs: healthLimitMs } as const;
      const result = await connections.exchange(url, request);
      if (!result.ok) {
        const why = errorMessage(result.failure.error);
        stdout(`failed to check the health of member ${id} on ${url}: ${why}\n`);
        continue;
      }
      // Servers answer the word or the boolean.
      const health = parseJson(result.answer.body)?.['health'];
      const healthy = health === 'true' || health === true;
      const got = healthy ? 'healthy' : 'unhealthy';
      stdout(`member ${id} is ${got}: got ${got} result from ${url}\n`);
      return healthy;
    }
    stdout(`member ${id} is unreachable: [${clientUrls.join(' ')}] are all unreachable\n`);
    return false;
  } finally {
    connections.close();
  }
}
