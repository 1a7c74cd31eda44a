// Members, health and version of a cluster. (etcd 2.3 documentation, members_api.md)
import { parseJson } from './answers.js';
import type { EtcdSender } from './client.js';
import { ClientError } from './errors.js';
import type { CallOptions } from './keys.js';

export type MemberInfo = {
  /** Hex. */
  readonly id: string;
  /** '' until the member has started. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
};

export class MembersApi {
  readonly #sender: EtcdSender;

  constructor(sender: EtcdSender) {
    this.#sender = sender;
  }

  async list(options: CallOptions = {}): Promise<readonly MemberInfo[]> {
    const json = await this.#ask('GET', '/v2/members', options);
    return Array.isArray(json['members']) ? json['members'].map(parseMember) : [];
  }

  /** Undefined while there is no leader. */
  async leader(options: CallOptions = {}): Promise<MemberInfo | undefined> {
    const { signal, timeoutMs } = options;
    const answer = await this.#sender.send(
      { method: 'GET', path: '/v2/members/leader', signal },
      { idempotent: true, timeoutMs },
    );
    const json = answer.status === 200 ? parseJson(answer.body) : undefined;
    return json === undefined ? undefined : parseMember(json);
  }

  async add(peerUrls: readonly string[], options: CallOptions = {}): Promise<MemberInfo> {
    return parseMember(await this.#ask('POST', '/v2/members', options, { peerURLs: peerUrls }));
  }

  async remove(id: string, options: CallOptions = {}): Promise<void> {
    await this.#ask('DELETE', `/v2/members/${id}`, options);
  }

  async update(id: string, peerUrls: readonly string[], options: CallOptions = {}): Promise<void> {
    await this.#ask('PUT', `/v2/members/${id}`, options, { peerURLs: peerUrls });
  }

  async #ask(
    method: 'GET' | 'POST' | 'DELETE' | 'PUT',
    path: string,
    options: CallOptions,
    body?: Readonly<Record<string, unknown>>,
  ): Promise<Readonly<Record<string, unknown>>> {
    const { signal, timeoutMs } = options;
    const request = {
      method,
      path,
      signal,
      body: body === undefined ? undefined : JSON.stringify(body),
      contentType: 'application/json',
    };
    const answer = await this.#sender.send(request, { idempotent: method === 'GET', timeoutMs });
    if (answer.status >= 200 && answer.status < 300) return parseJson(answer.body) ?? {};
    const message = parseJson(answer.body)?.['message'];
    const reason = typeof message === 'string' ? message : answer.body.trim();
    const unknown = method !== 'GET' && answer.status >= 500;
    throw new ClientError(
      unknown ? 'E_UNKNOWN_OUTCOME' : 'E_MEMBER_REFUSED',
      `${method} ${path}: ${answer.status} ${reason}` +
        (unknown ? '. It may still happen; list the members before you repeat it' : ''),
      { details: { status: answer.status, message: reason } },
    );
  }
}

function parseMember(value: unknown): MemberInfo {
  const json = (value ?? {}) as Readonly<Record<string, unknown>>;
  return {
    id: text(json['id']),
    name: text(json['name']),
    peerUrls: urls(json['peerURLs']),
    clientUrls: urls(json['clientURLs']),
  };
}

function urls(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
