// Containers that come up, as the engine tells it.
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { readEvents } from '../../src/docker/events.js';

const line = (attributes: Record<string, string>): string =>
  `${JSON.stringify({ Type: 'container', Action: 'start', Actor: { Attributes: attributes } })}\n`;

it('names the nodes that start, however the stream is cut', async () => {
  const text =
    line({ 'io.corral.node': 'n1' }) +
    line({ name: 'discovery' }) +
    line({ 'io.corral.node': 'w1' });
  const seen: string[] = [];

  const pieces = [text.slice(0, 30), text.slice(30, 200), text.slice(200)];
  await readEvents(Readable.from(pieces), (node) => seen.push(node));

  expect(seen).toEqual(['n1', 'w1']);
});
