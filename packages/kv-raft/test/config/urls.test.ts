import { describe, expect, it } from 'vitest';
import {
  UrlError,
  listenAddress,
  parseInitialCluster,
  parseUrl,
  parseUrls,
} from '../../src/config/urls.js';

describe('a URL', () => {
  it.each([
    ['http://127.0.0.1:2379', 'http://127.0.0.1:2379'],
    ['HTTP://Host:1/', 'http://Host:1'],
    ['https://[::1]:65535', 'https://[::1]:65535'],
  ])('%s is taken as %s', (text, url) => {
    expect(parseUrl(text)).toBe(url);
  });

  it.each([
    ['127.0.0.1:2379', 'URL scheme must be http or https: 127.0.0.1:2379'],
    ['unix://x:1', 'URL scheme must be http or https: unix://x:1'],
    ['http://host', 'URL address does not have the form "host:port": http://host'],
    ['http://::1:80', 'URL address does not have the form "host:port": http://::1:80'],
    ['http://a:65536', 'URL has a port above 65535: http://a:65536'],
    ['http://a:1/x', 'URL must not contain a path: http://a:1/x'],
  ])('%s is refused: E_URL', (text, message) => {
    const attempt = (): string => parseUrl(text);

    expect(attempt).toThrow(UrlError);
    expect(attempt).toThrow(expect.objectContaining({ code: 'E_URL', message }));
  });
});

describe('a list of URLs', () => {
  it('is sorted, and blanks around do not count', () => {
    expect(parseUrls(' http://b:1 , http://a:1')).toEqual(['http://a:1', 'http://b:1']);
  });

  it.each(['', ' , '])('%j is none', (text) => {
    expect(() => parseUrls(text)).toThrow('no valid URLs given');
  });
});

describe('an initial cluster', () => {
  it('gathers the URLs of one name, sorted', () => {
    const cluster = parseInitialCluster('b=http://b:2,a=http://a:1, b=http://b:1,');

    expect([...cluster]).toEqual([
      ['b', ['http://b:1', 'http://b:2']],
      ['a', ['http://a:1']],
    ]);
  });

  it.each(['http://a:1', 'a=', 'a=x'])('%j is refused', (text) => {
    expect(() => parseInitialCluster(text)).toThrow(UrlError);
  });
});

describe('an address to listen on', () => {
  it.each([
    ['http://[::1]:80', { host: '::1', port: 80 }],
    ['http://localhost:0', { host: 'localhost', port: 0 }],
    ['https://0.0.0.0:443', { host: '0.0.0.0', port: 443 }],
  ])('of %s', (url, address) => {
    expect(listenAddress(url)).toEqual(address);
  });
});
