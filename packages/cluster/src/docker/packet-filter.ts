// What the rules on a node's links mean to its kernel: an own chain of iptables for cuts and refusals,
// classes of tc for rates and delays. Pure: rules in, text out; always the whole of a node's rules, so
// that setting them again is harmless. (iptables-restore(8), tc-htb(8), tc-netem(8))
import type { LinkRule } from '../runtime.js';

/** A link of a node, seen from it. */
export type NodeRule = {
  /** The address at the other end. */
  readonly peer: string;
  /** What is in force on what the node sends there; undefined = nothing. */
  readonly out: LinkRule | undefined;
  /** On what comes from there. */
  readonly in: LinkRule | undefined;
};

export const chain = 'CORRAL';

/**
 * For `iptables-restore --noflush`: the whole chain. A cut drops what is sent where it is sent, so
 * that a healed connection goes on at once, and where it arrives, so that it holds although the
 * sender's rules are gone. A refused dial is answered with a reset by the node that is dialled.
 */
export function filterTable(rules: readonly NodeRule[]): string {
  const lines = rules.flatMap((rule) => [
    ...(rule.out?.cut === true ? [`-A ${chain} -d ${rule.peer}/32 -j DROP`] : []),
    ...(rule.in?.cut === true ? [`-A ${chain} -s ${rule.peer}/32 -j DROP`] : []),
    ...(rule.in?.refuse === true
      ? [`-A ${chain} -s ${rule.peer}/32 -p tcp --syn -j REJECT --reject-with tcp-reset`]
      : []),
    ...(rule.out !== undefined && rule.out.lossRatio > 0
      ? [`-A ${chain} -d ${rule.peer}/32 ${lossMatch(rule.out.lossRatio)} -j DROP`]
      : []),
  ]);
  return ['*filter', `:${chain} - [0:0]`, ...lines, 'COMMIT', ''].join('\n');
}

/** How many rules the chain has. */
export function countRules(rules: readonly NodeRule[]): number {
  return filterTable(rules)
    .split('\n')
    .filter((line) => line.startsWith('-A')).length;
}

/** A shell script that puts the chain first in all three built-in ones, once. */
export const hookScript = ['INPUT', 'OUTPUT', 'FORWARD']
  .map(
    (name) =>
      `iptables -w -C ${name} -j ${chain} 2>/dev/null || iptables -w -I ${name} 1 -j ${chain}`,
  )
  .join('\n');

const device = 'eth0';
/** What is not slowed: as fast as it goes. */
const freeRate = '10gbit';

/** A shell script that sets the whole of what is slowed on what a node sends; nothing = none. */
export function trafficScript(rules: readonly NodeRule[]): string {
  const slowed = rules.filter(({ out }) => isSlowed(out));
  const clear = `tc qdisc del dev ${device} root 2>/dev/null`;
  if (slowed.length === 0) return `${clear}; true`;
  const lines = [
    `${clear} || true`,
    'set -e',
    `tc qdisc add dev ${device} root handle 1: htb default 1`,
    `tc class add dev ${device} parent 1: classid 1:1 htb rate ${freeRate} quantum 60000`,
  ];
  slowed.forEach(({ peer, out }, i) => {
    const id = (i + 16).toString(16);
    const bytes = out?.bytesPerSecond;
    const rate = bytes === undefined ? freeRate : `${Math.max(8, Math.round(bytes * 8))}bit`;
    const burst = bytes === undefined ? '' : ' burst 16kb cburst 16kb';
    lines.push(
      `tc class add dev ${device} parent 1: classid 1:${id} htb rate ${rate} quantum 60000${burst}`,
      `tc filter add dev ${device} parent 1: protocol ip prio 1 u32 match ip dst ${peer}/32 flowid 1:${id}`,
    );
    if (out !== undefined && isDelayed(out)) {
      lines.push(
        `tc qdisc add dev ${device} parent 1:${id} handle ${id}: netem delay ${out.delayMs + out.jitterMs / 2}ms ${out.jitterMs / 2}ms limit 100000`,
      );
    }
  });
  return lines.join('\n');
}

/** Each packet by a throw of its own. (iptables-extensions(8), statistic) */
function lossMatch(ratio: number): string {
  return `-m statistic --mode random --probability ${ratio.toFixed(6)}`;
}

export function isDelayed({ delayMs, jitterMs }: LinkRule): boolean {
  return delayMs > 0 || jitterMs > 0;
}

function isSlowed(rule: LinkRule | undefined): boolean {
  return rule !== undefined && (rule.bytesPerSecond !== undefined || isDelayed(rule));
}
