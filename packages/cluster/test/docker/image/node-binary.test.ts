import { describe, expect, it } from 'vitest';
import { ClusterError } from '../../../src/errors.js';
import { librariesOf } from '../../../src/docker/image/node-binary.js';

const official = `	linux-vdso.so.1 (0x00007fc6ca304000)
	libdl.so.2 => /lib/x86_64-linux-gnu/libdl.so.2 (0x00007fc6ca2ee000)
	libstdc++.so.6 => /lib/x86_64-linux-gnu/libstdc++.so.6 (0x00007fc6ca000000)
	libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007fc6c9f20000)
	libgcc_s.so.1 => /lib/x86_64-linux-gnu/libgcc_s.so.1 (0x00007fc6ca2ce000)
	libpthread.so.0 => /lib/x86_64-linux-gnu/libpthread.so.0 (0x00007fc6ca2c9000)
	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007fc6c9d3e000)
	/lib64/ld-linux-x86-64.so.2 (0x00007fc6ca306000)
`;

function errorOf(work: () => unknown): ClusterError {
  try {
    work();
  } catch (error) {
    if (error instanceof ClusterError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('what the Node binary is linked with', () => {
  it('is the loader and six libraries for a Node of nodejs.org', () => {
    const paths = librariesOf(official, '/usr/bin/node');

    expect(paths).toEqual([
      '/lib/x86_64-linux-gnu/libdl.so.2',
      '/lib/x86_64-linux-gnu/libstdc++.so.6',
      '/lib/x86_64-linux-gnu/libm.so.6',
      '/lib/x86_64-linux-gnu/libgcc_s.so.1',
      '/lib/x86_64-linux-gnu/libpthread.so.0',
      '/lib/x86_64-linux-gnu/libc.so.6',
      '/lib64/ld-linux-x86-64.so.2',
    ]);
  });

  it('is refused, by name, when a bare Debian lacks it', () => {
    const debian = `${official}	libuv.so.1 => /lib/x86_64-linux-gnu/libuv.so.1 (0x00007f)
	libicui18n.so.72 => not found
`;

    const error = errorOf(() => librariesOf(debian, '/usr/bin/node'));

    expect(error.code).toBe('E_IMAGE_BUILD');
    expect(error.exitCode).toBe(5);
    expect(error.message).toContain('/usr/bin/node cannot go into an image');
    expect(error.details['foreign']).toEqual(['libuv.so.1', 'libicui18n.so.72']);
    expect(error.remedies.join('\n')).toContain('--base node:20-bookworm-slim');
  });

  it('is refused when one of the usual libraries cannot be found', () => {
    const broken = official.replace(/libm\.so\.6 => \S+/, 'libm.so.6 => not found');

    const error = errorOf(() => librariesOf(broken, '/n'));

    expect(error.details['foreign']).toEqual(['libm.so.6']);
  });
});
