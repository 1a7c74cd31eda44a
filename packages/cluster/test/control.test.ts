// The keeper's socket: who may speak, how answers and failures come back, and who is told nothing.
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ClusterError } from '../src/errors.js';
import { callKeeper, hasKeeper, serveControl } from '../src/keeper/control.js';
import type { ControlHandler } from '../src/keeper/control.js';
import { ClusterState } from '../src/state.js';

function newState(): ClusterState {
  const home = mkdtempSync(join(tmpdir(), 'corral-control-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  return new ClusterState(home, 'demo');
}

async function serve(state: ClusterState, handler: ControlHandler): Promise<void> {
  const control = await serveControl(state, handler);
  onTestFinished(() => control.close());
}

describe('the control socket', () => {
  it('carries events, then the result', async () => {
    const state = newState();
    await serve(state, (request, context) => {
      context.emit({ step: 1 });
      context.emit({ step: 2 });
      return Promise.resolve({ echoed: request.params['word'], method: request.method });
    });
    const events: unknown[] = [];

    const result = await callKeeper(
      state,
      'echo',
      { word: 'hello' },
      { onEvent: (event) => events.push(event) },
    );

    expect(result).toEqual({ echoed: 'hello', method: 'echo' });
    expect(events).toEqual([{ step: 1 }, { step: 2 }]);
  });

  it('carries an error with its code, remedies and details', async () => {
    const state = newState();
    const options = { remedies: ['do this'], details: { node: 'n1' } };
    await serve(state, () =>
      Promise.reject(new ClusterError('E_UNKNOWN_NODE', 'no node "x"', options)),
    );

    const error = await callKeeper(state, 'act').catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(ClusterError);
    expect(error).toMatchObject({ code: 'E_UNKNOWN_NODE', message: 'no node "x"', ...options });
  });

  it('turns an error that nobody expected into E_FAILED', async () => {
    const state = newState();
    await serve(state, () => Promise.reject(new Error('broken')));

    await expect(callKeeper(state, 'act')).rejects.toMatchObject({
      code: 'E_FAILED',
      message: 'broken',
    });
  });

  it('tells the handler when the caller goes away', async () => {
    const state = newState();
    const caller = new AbortController();
    const gone = new Promise<string>((resolve) => {
      void serve(state, (_request, { signal }) => {
        caller.abort(new Error('Ctrl-C'));
        return new Promise(() => {
          signal.addEventListener('abort', () => resolve((signal.reason as Error).message));
        });
      });
    });
    await expect.poll(() => hasKeeper(state)).toBe(true);

    const call = callKeeper(state, 'boot', {}, { signal: caller.signal });

    await expect(call).rejects.toThrow('cancelled');
    expect(await gone).toBe('the caller is gone');
  });

  it.each([
    ['a wrong secret', `${JSON.stringify({ secret: 'guess', method: 'shutdown', params: {} })}\n`],
    ['no JSON', 'shutdown now\n'],
    ['JSON of another form', '[1,2]\n'],
    ['a line without end', 'x'.repeat(5 * 1024 * 1024)],
  ])('hangs up on %s, does nothing, and goes on serving', async (_what, line) => {
    const state = newState();
    const handled: string[] = [];
    await serve(state, ({ method }) => {
      handled.push(method);
      return Promise.resolve(null);
    });

    const stranger = connect({ path: state.socketPath() });
    stranger.on('error', () => undefined);
    const closed = new Promise((resolve) => stranger.on('close', resolve));
    let heard = '';
    stranger.on('data', (data: Buffer) => (heard += data.toString()));
    stranger.write(line);
    await closed;
    await callKeeper(state, 'status');

    expect(heard).toBe('');
    expect(handled).toEqual(['status']);
  });

  it('is the lock: a second keeper of the same cluster is refused', async () => {
    const state = newState();
    await serve(state, () => Promise.resolve(null));

    await expect(serveControl(state, () => Promise.resolve(null))).rejects.toThrow('EADDRINUSE');
    expect(await hasKeeper(state)).toBe(true);
  });

  it('without a keeper says so, and what to do', async () => {
    const state = newState();

    const error = await callKeeper(state, 'status').catch((thrown: unknown) => thrown);

    expect(await hasKeeper(state)).toBe(false);
    expect(error).toMatchObject({ code: 'E_KEEPER_GONE' });
    expect((error as ClusterError).message).toContain('no keeper runs for the cluster in');
    expect((error as ClusterError).remedies).toEqual([
      'corral start brings the same cluster back',
      'corral down removes it',
    ]);
  });
});
