import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IncomingMessage } from 'node:http';
import { poll, systemClock } from '@corral/kit';
import { exchange, finish, form, get, open, parsed } from '../support/exchange.js';
import type { V2Answer } from '../support/exchange.js';
import { startSingleMember } from '../support/member.js';
import type { TestMember } from '../support/member.js';

let member: TestMember;

beforeAll(async () => {
  member = await startSingleMember();
});
afterAll(() => member[Symbol.asyncDispose]());

function watch(path: string): Promise<IncomingMessage> {
  return open(member.url, { method: 'GET', path: `/v2/keys${path}` });
}

async function watchers(): Promise<number> {
  const { body } = await get(member.url, '/v2/stats/store');
  return (JSON.parse(body) as { watchers: number }).watchers;
}

/** Lines of a stream, as many as wanted. */
async function lines(response: IncomingMessage, count: number): Promise<V2Answer[]> {
  let text = '';
  for await (const chunk of response) {
    text += (chunk as Buffer).toString('utf8');
    if (text.split('\n').length > count) break;
  }
  return text
    .split('\n')
    .slice(0, count)
    .map((line) => JSON.parse(line) as V2Answer);
}

describe('a watch', () => {
  it('answers its head at once, and the event when it comes', async () => {
    const response = await watch('/live?wait=true');
    const before = response.headers['x-etcd-index'];
    const put = await form(member.url, 'PUT', '/v2/keys/live', 'value=1');
    const answer = await finish(response);

    expect(response.statusCode).toBe(200);
    expect(response.headers['transfer-encoding']).toBe('chunked');
    expect(Number(before)).toBe(parsed(put).node!.modifiedIndex! - 1);
    expect(answer.body).toBe(put.body);
  });

  it('below a directory hears what happens in it, not beside it, and not what is hidden', async () => {
    const response = await watch('/dir?wait=true&recursive=true');
    await form(member.url, 'PUT', '/v2/keys/dirbeside', 'value=1');
    await form(member.url, 'PUT', '/v2/keys/dir/_hidden', 'value=2');
    await form(member.url, 'PUT', '/v2/keys/dir/shown', 'value=3');

    const event = parsed(await finish(response));

    expect(event.node?.key).toBe('/dir/shown');
  });

  it('from an index that has passed is answered from history, from a future one it waits', async () => {
    const put = await form(member.url, 'PUT', '/v2/keys/past', 'value=1');
    const index = parsed(put).node!.modifiedIndex!;
    const future = await watch(`/past?wait=true&waitIndex=${index + 2}`);

    const past = await get(member.url, `/v2/keys/past?wait=true&waitIndex=${index}`);
    await form(member.url, 'PUT', '/v2/keys/past', 'value=2');
    await form(member.url, 'PUT', '/v2/keys/past', 'value=3');

    expect(parsed(past).node?.value).toBe('1');
    expect(parsed(await finish(future)).node?.value).toBe('3');
  });

  it('as a stream replays what has passed and goes on without a gap', async () => {
    const first = await form(member.url, 'PUT', '/v2/keys/stream', 'value=1');
    await form(member.url, 'PUT', '/v2/keys/stream', 'value=2');
    const index = parsed(first).node!.modifiedIndex!;

    const response = await watch(`/stream?wait=true&stream=true&waitIndex=${index}`);
    await form(member.url, 'PUT', '/v2/keys/stream', 'value=3');
    const events = await lines(response, 3);
    response.destroy();

    expect(events.map((event) => event.node?.value)).toEqual(['1', '2', '3']);
  });

  it('hears that its key expired, with the old value in prevNode', async () => {
    await form(member.url, 'PUT', '/v2/keys/expiring?ttl=1', 'value=1');
    const response = await watch('/expiring?wait=true');

    const event = parsed(await finish(response));

    expect(event.action).toBe('expire');
    expect(event.node?.value).toBeUndefined();
    expect(event.prevNode?.value).toBe('1');
  });

  it('of an index that history has forgotten is refused with 401', async () => {
    const put = await form(member.url, 'PUT', '/v2/keys/old', 'value=0');
    const index = parsed(put).node!.modifiedIndex!;
    for (let i = 0; i < 1_050; i += 50) {
      const puts = Array.from({ length: 50 }, (_unused, j) =>
        form(member.url, 'PUT', '/v2/keys/noise', `value=${i + j}`),
      );
      await Promise.all(puts);
    }

    const answer = await get(member.url, `/v2/keys/old?wait=true&waitIndex=${index}`);

    const { errorCode, cause, index: now } = parsed(answer);
    expect(answer.status).toBe(400);
    expect(errorCode).toBe(401);
    expect(cause).toBe(`the requested history has been cleared [${now! - 999}/${index}]`);
  });

  it('whose client goes away is forgotten', async () => {
    const before = await watchers();
    const open = await Promise.all([
      watch('/gone?wait=true'),
      watch('/gone?wait=true&stream=true'),
    ]);
    const during = await watchers();

    for (const response of open) response.destroy();

    const after = await poll(async () => ((await watchers()) === before ? before : undefined), {
      what: 'the end of the watches',
      timeoutMs: 15_000,
      clock: systemClock,
    });
    expect([during, after]).toEqual([before + 2, before]);
  });

  it('that reads too slowly is ended instead of filling the memory', async () => {
    const response = await watch('/slow?wait=true&stream=true');
    response.pause();
    const value = 'x'.repeat(2_000_000);
    const closed = new Promise((resolve) => response.once('close', resolve));
    const before = await watchers();

    await poll(
      async () => {
        await form(member.url, 'PUT', '/v2/keys/slow', `value=${value}`);
        return (await watchers()) < before ? true : undefined;
      },
      { what: 'the end of the slow watch', timeoutMs: 18_000, clock: systemClock },
    );

    response.on('error', () => undefined);
    response.resume();
    await closed;
    expect(response.complete).toBe(false);
  });
});

describe('many watches', () => {
  it('end with an empty body, so that clients come back', async () => {
    const stopping = await startSingleMember();
    const response = await open(stopping.url, { method: 'GET', path: '/v2/keys/x?wait=true' });

    await stopping[Symbol.asyncDispose]();

    expect((await finish(response)).body).toBe('');
  });

  it('hundreds of them get one event each, in order', async () => {
    const open = await Promise.all(
      Array.from({ length: 600 }, () => watch('/fan?wait=true&recursive=true')),
    );

    await exchange(member.url, { method: 'PUT', path: '/v2/keys/fan/out?value=1' });
    const answers = await Promise.all(open.map(finish));

    expect(new Set(answers.map((answer) => answer.body)).size).toBe(1);
    expect(parsed(answers[0]!).node?.key).toBe('/fan/out');
  });
});
