import { describe, expect, it } from 'vitest';
import { requireRoom } from '../../../src/docker/image/room.js';
import { clusterErrorOf } from './errors.js';

const mebibyte = 1_048_576;

describe('room for an image', () => {
  it('that is too little is an error with both figures and the place', async () => {
    const error = await clusterErrorOf(() =>
      requireRoom('/var/lib/docker', 411.4 * mebibyte, 1100 * mebibyte),
    );

    expect(error).toMatchObject({ code: 'E_DISK_LOW', exitCode: 5 });
    expect(error.message).toBe(
      '411 MiB free where images are made (/var/lib/docker), 1100 MiB wanted',
    );
    expect(error.remedies[0]).toBe('corral image rm --all');
  });

  it.each([
    ['just enough', 10],
    ['unknown', undefined],
  ])('that is %s is no error', (_what, free) => {
    expect(() => requireRoom('/x', free, 10)).not.toThrow();
  });
});
