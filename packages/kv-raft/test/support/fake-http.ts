// A server whose answers a test writes, and that remembers what it was asked.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

export type FakeAnswer = {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};
export type FakeHttp = AsyncDisposable & {
  readonly url: string;
  /** "METHOD path body", in order. */
  readonly asked: string[];
};

/** `answer` gets the request as it stands in `asked`; undefined = no answer, ever. */
export async function fakeHttp(
  answer: (asked: string) => FakeAnswer | undefined,
): Promise<FakeHttp> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      let body = '';
      for await (const chunk of request) body += (chunk as Buffer).toString('utf8');
      const line = `${request.method ?? ''} ${request.url ?? ''} ${body}`.trim();
      asked.push(line);
      const given = answer(line);
      if (given === undefined) return;
      response.writeHead(given.status ?? 200, given.headers);
      response.end(given.body);
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
