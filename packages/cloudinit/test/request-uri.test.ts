import { describe, expect, it } from 'vitest';
import { isRequestUri } from '../src/request-uri.js';

describe('a request URI', () => {
  it.each([
    '*',
    '/x',
    '//h/x',
    'http://',
    'http:///x',
    'http://h:',
    'http://h/a b',
    'x:y',
    'a:',
    'https://discovery.etcd.io/<token>',
    'http://$private_ipv4:1/x',
    'http://[::1]:80/x',
    'http://h/x?%zz',
  ])('%s is one', (text) => {
    expect(isRequestUri(text)).toBe(true);
  });

  it.each([
    '',
    'discovery.etcd.io/x',
    'my token',
    '?x',
    '#f',
    '1http://x',
    'ht_tp://x',
    'http://h:-1',
    'http://a:b/c',
    'http://[::1',
    'http://a/%zz',
    'http://u%zz@h',
    'http://h{x}',
    'https://disc overy.etcd.io/x',
    'http://h/\u0007',
  ])('%j is none', (text) => {
    expect(isRequestUri(text)).toBe(false);
  });
});
