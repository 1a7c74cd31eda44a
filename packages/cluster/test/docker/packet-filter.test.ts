// What rules on links are as text for iptables-restore and tc.
import { describe, expect, it } from 'vitest';
import { filterTable, trafficScript } from '../../src/docker/packet-filter.js';
import { passRule } from '../../src/runtime.js';
import type { LinkRule } from '../../src/runtime.js';

const rule = (change: Partial<LinkRule>): LinkRule => ({ ...passRule, ...change });
const peer = '10.213.0.2';

describe('the chain of a node', () => {
  it('is empty without rules, so that setting it heals all', () => {
    expect(filterTable([])).toBe('*filter\n:CORRAL - [0:0]\nCOMMIT\n');
  });

  it('drops a cut link where it is sent and where it arrives, one way only', () => {
    const sender = filterTable([{ peer, out: rule({ cut: true }), in: undefined }]);
    const receiver = filterTable([{ peer, out: undefined, in: rule({ cut: true }) }]);

    expect(sender).toContain('-A CORRAL -d 10.213.0.2/32 -j DROP\n');
    expect(sender).not.toContain('-s 10.213.0.2');
    expect(receiver).toContain('-A CORRAL -s 10.213.0.2/32 -j DROP\n');
    expect(receiver).not.toContain('-d 10.213.0.2');
  });

  it('refuses with a reset, at the node that is dialled alone, and only dials', () => {
    const dialled = filterTable([{ peer, out: undefined, in: rule({ refuse: true }) }]);
    const dialler = filterTable([{ peer, out: rule({ refuse: true }), in: undefined }]);

    expect(dialled).toContain('-s 10.213.0.2/32 -p tcp --syn -j REJECT --reject-with tcp-reset');
    expect(dialler).not.toContain('REJECT');
  });

  it('loses the wanted part of what is sent', () => {
    const table = filterTable([{ peer, out: rule({ lossRatio: 0.25 }), in: undefined }]);

    expect(table).toContain(
      '-d 10.213.0.2/32 -m statistic --mode random --probability 0.250000 -j DROP',
    );
  });
});

describe('the classes of a node', () => {
  it('are taken away when nothing is slowed', () => {
    const cut = [{ peer, out: rule({ cut: true }), in: rule({ bytesPerSecond: 1 }) }];

    expect(trafficScript(cut)).toBe('tc qdisc del dev eth0 root 2>/dev/null; true');
  });

  it('limit each peer alone, in bits, and let the rest pass', () => {
    const script = trafficScript([
      { peer, out: rule({ bytesPerSecond: 125_000 }), in: undefined },
      { peer: '10.213.0.3', out: rule({ bytesPerSecond: 1_000 }), in: undefined },
    ]);

    expect(script).toContain('htb default 1');
    expect(script).toContain('classid 1:10 htb rate 1000000bit');
    expect(script).toContain('match ip dst 10.213.0.2/32 flowid 1:10');
    expect(script).toContain('classid 1:11 htb rate 8000bit');
    expect(script).toContain('match ip dst 10.213.0.3/32 flowid 1:11');
    expect(script).not.toContain('netem');
  });

  it('delay by netem: from the delay to the delay and the jitter', () => {
    const out = rule({ delayMs: 80, jitterMs: 20 });

    const script = trafficScript([{ peer, out, in: undefined }]);

    expect(script).toContain('parent 1:10 handle 10: netem delay 90ms 10ms');
  });
});
