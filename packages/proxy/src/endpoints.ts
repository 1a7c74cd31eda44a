// Which member gets a request: pure bookkeeping. A failed endpoint is set aside for a while, also
// across refreshes; a refresh that found nothing changes nothing; the order rotates, so that members
// share the load.

type Endpoint = { readonly url: string; unavailableUntil: number };

export class Endpoints {
  readonly #failureWaitMs: number;
  #list: Endpoint[] = [];
  #turn = 0;

  constructor(failureWaitMs: number) {
    this.#failureWaitMs = failureWaitMs;
  }

  get size(): number {
    return this.#list.length;
  }

  /** Takes the members' client URLs; an empty list keeps what is known. Gives the new number. */
  refresh(urls: readonly string[]): number {
    if (urls.length === 0) return this.#list.length;
    const known = new Map(this.#list.map((endpoint) => [endpoint.url, endpoint]));
    this.#list = [...new Set(urls)].map((url) => known.get(url) ?? { url, unavailableUntil: 0 });
    return this.#list.length;
  }

  /** Endpoints that may be tried at `now` (monotonic ms), the one whose turn it is first. */
  available(now: number): readonly string[] {
    const urls = this.#list
      .filter((endpoint) => endpoint.unavailableUntil <= now)
      .map((endpoint) => endpoint.url);
    if (urls.length === 0) return urls;
    this.#turn = (this.#turn + 1) % urls.length;
    return [...urls.slice(this.#turn), ...urls.slice(0, this.#turn)];
  }

  /** Without taking a turn, for display. */
  list(now: number): readonly string[] {
    return this.#list
      .filter((endpoint) => endpoint.unavailableUntil <= now)
      .map((endpoint) => endpoint.url);
  }

  failed(url: string, now: number): void {
    const endpoint = this.#list.find((one) => one.url === url);
    if (endpoint !== undefined) endpoint.unavailableUntil = now + this.#failureWaitMs;
  }
}
