// Which endpoint is asked first. The one that answered last stays first; one that failed goes to
// the end of the list.

export class Endpoints {
  #urls: string[];

  constructor(urls: readonly string[]) {
    this.#urls = [...new Set(urls.map(withoutSlash))];
  }

  /** In order of preference. */
  list(): readonly string[] {
    return this.#urls;
  }

  failed(url: string): void {
    if (this.#urls[0] !== url) return;
    this.#urls = [...this.#urls.slice(1), url];
  }

  answered(url: string): void {
    if (this.#urls[0] === url || !this.#urls.includes(url)) return;
    this.#urls = [url, ...this.#urls.filter((other) => other !== url)];
  }

  replace(urls: readonly string[]): void {
    const wanted = [...new Set(urls.map(withoutSlash))];
    const kept = this.#urls.filter((url) => wanted.includes(url));
    this.#urls = [...kept, ...wanted.filter((url) => !kept.includes(url))];
  }
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
