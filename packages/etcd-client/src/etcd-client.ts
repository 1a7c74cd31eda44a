// What programs use: one object per cluster.
import type { KeyResponse } from './answers.js';
import { EtcdSender } from './client.js';
import type { EtcdClientOptions } from './client.js';
import { Keys } from './keys.js';
import { MembersApi } from './members.js';
import type { CallOptions } from './keys.js';
import { watchKey } from './watch.js';
import type { WatchOptions } from './watch.js';

export class EtcdClient {
  readonly keys: Keys;
  readonly members: MembersApi;
  readonly #sender: EtcdSender;

  constructor(options: EtcdClientOptions) {
    this.#sender = new EtcdSender(options);
    this.keys = new Keys(this.#sender);
    this.members = new MembersApi(this.#sender);
  }

  /** Endpoints in the present order of preference. */
  get endpoints(): readonly string[] {
    return this.#sender.endpoints.list();
  }

  watch(key: string, options: WatchOptions = {}): AsyncGenerator<KeyResponse, void, undefined> {
    return watchKey(this.#sender, key, options);
  }

  /**
   * Replaces the endpoints by what the members advertise. The given ones stay when the members
   * advertise nothing.
   */
  async sync(options: CallOptions = {}): Promise<void> {
    const members = await this.members.list(options);
    const urls = members.flatMap((member) => member.clientUrls);
    if (urls.length > 0) this.#sender.endpoints.replace(urls);
  }

  /** Knows these endpoints too; the present ones stay first. */
  addEndpoints(urls: readonly string[]): void {
    this.#sender.endpoints.replace([...this.endpoints, ...urls]);
  }

  /** Ends idle connections; requests on their way fail. */
  close(): void {
    this.#sender.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}
