// A Docker engine of a test: an HTTP server that answers what the test says and writes down what it
// was asked. Only what images need.
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import Docker from 'dockerode';
import type { Engine } from '../../../src/docker/engine.js';

export type Asked = {
  /** METHOD PATH, without the query. */
  readonly what: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The body came to its end. */
  readonly complete: boolean;
};

export type Answer =
  | { readonly status?: number; readonly json: unknown }
  /** Lines of JSON objects, as of a build. */
  | { readonly lines: readonly unknown[] }
  /** Nothing is answered. */
  | 'silence';

export class FakeEngine implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly engine: Engine;
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>, port: number) {
    this.#server = server;
    this.engine = {
      docker: new Docker({ protocol: 'http', host: '127.0.0.1', port }),
      address: `tcp://127.0.0.1:${port}`,
      version: '20.10.0',
      apiVersion: '1.41',
      isLocal: false,
    };
  }

  /** `answers` by METHOD and PATH, or with ?path=; what is not there is answered with 404. */
  static async start(answers: Readonly<Record<string, Answer>>): Promise<FakeEngine> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const fake = new FakeEngine(server, (server.address() as AddressInfo).port);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void fake.#take(request, response, answers);
    });
    return fake;
  }

  /** What was asked, as METHOD PATH. */
  get words(): readonly string[] {
    return this.asked.map(({ what }) => what);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #take(
    request: IncomingMessage,
    response: ServerResponse,
    answers: Readonly<Record<string, Answer>>,
  ): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://engine');
    const what = `${request.method ?? ''} ${decodeURIComponent(url.pathname)}`;
    const chunks: Buffer[] = [];
    let complete = true;
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      complete = false;
    }
    const query = Object.fromEntries(url.searchParams);
    this.asked.push({ what, query, body: Buffer.concat(chunks), complete });
    const answer = answers[`${what}?path=${query['path'] ?? ''}`] ??
      answers[what] ?? { status: 404, json: { message: `no answer to ${what}` } };
    if (answer === 'silence') return;
    if ('lines' in answer) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(answer.lines.map((line) => `${JSON.stringify(line)}\r\n`).join(''));
      return;
    }
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' });
    response.end(answer.json === undefined ? '' : JSON.stringify(answer.json));
  }
}
