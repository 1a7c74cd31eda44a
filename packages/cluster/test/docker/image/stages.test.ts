import { describe, expect, it } from 'vitest';
import { stagesFor } from '../../../src/docker/image/stages.js';

const dockerfile = `# What it is.
ARG BASE=scratch

FROM \${BASE} AS common
COPY a /

FROM common AS first
COPY b /

FROM debian AS tools
RUN make

FROM common AS second
COPY --from=tools /x /x
`;

describe('a Dockerfile cut down to a target', () => {
  it('keeps what stands before the first stage, and the stages it is made from', () => {
    const text = stagesFor(dockerfile, 'first');

    expect(text).toBe(
      '# What it is.\nARG BASE=scratch\n\nFROM ${BASE} AS common\nCOPY a /\n\nFROM common AS first\nCOPY b /\n\n',
    );
  });

  it('keeps what files are copied from', () => {
    const text = stagesFor(dockerfile, 'second');

    expect(text).toContain('FROM debian AS tools');
    expect(text).not.toContain('AS first');
  });
});
