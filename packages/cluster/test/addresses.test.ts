// Which addresses clusters have: none in common.
import { expect, it } from 'vitest';
import { clusterNetwork, nodeAddress } from '../src/addresses.js';

const numbers = Array.from({ length: 249 }, (_, i) => i + 2);

it('a process has a loopback address, a container one of the lower half of its network', () => {
  expect(nodeAddress('process', 7, 101)).toBe('127.7.0.101');
  expect(nodeAddress('docker', 7, 101)).toBe('10.212.14.101');
  expect(clusterNetwork(7)).toEqual({
    prefix: '10.212.14',
    subnet: '10.212.14.0/23',
    engineRange: '10.212.15.0/24',
    gateway: '10.212.15.254',
    discovery: '10.212.14.250',
  });
});

it('no two clusters share a network, and each is a real one', () => {
  const networks = numbers.map(clusterNetwork);

  const halves = networks.flatMap(({ prefix, engineRange }) => [
    prefix,
    engineRange.replace('.0/24', ''),
  ]);
  expect(new Set(halves).size).toBe(2 * numbers.length);
  for (const half of halves) {
    const [a, b = 0, c = 0] = half.split('.').map(Number);
    expect([a, b <= 255, c <= 255]).toEqual([10, true, true]);
  }
});
