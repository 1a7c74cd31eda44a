import { ManualClock } from '@corral/kit/testing';
import { describe, expect, it } from 'vitest';
import { ReadBarrier } from '../src/read-barrier.js';
import type { ReadOutcome } from '../src/read-barrier.js';
import { turns } from './support/test-cluster.js';

class Setup {
  readonly clock = new ManualClock();
  readonly asked: number[] = [];
  applied = 10;
  reachable = true;
  readonly barrier = new ReadBarrier({
    clock: this.clock,
    timeoutMs: 7_000,
    leaderlessMs: 3_000,
    retryMs: 1_000,
    firstRound: 500,
    ask: (round) => {
      if (this.reachable) this.asked.push(round);
      return this.reachable;
    },
    appliedIndex: () => this.applied,
  });

  /** Starts a read; the array gets its outcome. */
  read(): ReadOutcome[] {
    const outcomes: ReadOutcome[] = [];
    void this.barrier.wait().then((outcome) => outcomes.push(outcome));
    return outcomes;
  }
}

const ok = { ok: true } as const;

describe('reads', () => {
  it('that wait share one round, and rounds begin where no former life has been', async () => {
    const setup = new Setup();
    const first = setup.read();
    const second = setup.read();

    setup.barrier.flush();
    setup.barrier.confirm(501, 10);
    await turns(2);

    expect(setup.asked).toEqual([501]);
    expect([first, second]).toEqual([[ok], [ok]]);
  });

  it('that come while a round is out are not answered by it', async () => {
    const setup = new Setup();
    setup.read();
    setup.barrier.flush();
    const late = setup.read();

    setup.barrier.confirm(501, 10);
    await turns(2);
    const early = [...late];
    setup.barrier.confirm(502, 10);
    await turns(2);

    expect(early).toEqual([]);
    expect(late).toEqual([ok]);
  });

  it('wait until this member has applied the confirmed index', async () => {
    const setup = new Setup();
    const read = setup.read();
    setup.barrier.flush();

    setup.barrier.confirm(501, 12);
    await turns(2);
    const before = [...read];
    setup.applied = 12;
    setup.barrier.applied();
    await turns(2);

    expect(before).toEqual([]);
    expect(read).toEqual([ok]);
  });

  it('are asked anew when their round fails or is overdue, and the old answer is void', async () => {
    const setup = new Setup();
    const read = setup.read();
    setup.barrier.flush();
    setup.barrier.failAllRounds();
    setup.barrier.flush();
    await setup.clock.advance(1_000);
    setup.barrier.expire(undefined);

    setup.barrier.confirm(501, 1);
    setup.barrier.confirm(502, 1);
    await turns(2);
    const before = [...read];
    setup.barrier.confirm(503, 10);
    await turns(2);

    expect(setup.asked).toEqual([501, 502, 503]);
    expect(before).toEqual([]);
    expect(read).toEqual([ok]);
  });

  it('have at most two rounds out', () => {
    const setup = new Setup();
    for (let i = 0; i < 5; i += 1) {
      setup.read();
      setup.barrier.flush();
    }

    expect(setup.asked).toEqual([501, 502]);
  });

  it('end with their time, whatever they wait for', async () => {
    const setup = new Setup();
    const confirmed = setup.read();
    setup.barrier.flush();
    setup.barrier.confirm(501, 99);
    setup.reachable = false;
    const waiting = setup.read();

    await setup.clock.advance(6_999);
    setup.barrier.expire(undefined);
    await turns(2);
    const before = [...confirmed, ...waiting];
    await setup.clock.advance(1);
    setup.barrier.expire(undefined);
    await turns(2);

    const failed = { ok: false, failure: 'E_RAFT_TIMEOUT' };
    expect(before).toEqual([]);
    expect([confirmed, waiting]).toEqual([[failed], [failed]]);
  });

  it('without a leader end early', async () => {
    const setup = new Setup();
    setup.reachable = false;
    const read = setup.read();
    await setup.clock.advance(3_000);

    setup.barrier.expire(0);
    await turns(2);

    expect(read).toEqual([{ ok: false, failure: 'E_RAFT_NO_LEADER' }]);
  });

  it('all end when the server does', async () => {
    const setup = new Setup();
    const asked = setup.read();
    setup.barrier.flush();
    const waiting = setup.read();

    setup.barrier.failAll('E_RAFT_STOPPED');
    await turns(2);

    const failed = { ok: false, failure: 'E_RAFT_STOPPED' };
    expect([asked, waiting]).toEqual([[failed], [failed]]);
  });
});
