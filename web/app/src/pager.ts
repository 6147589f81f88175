/** Read a long list of the SDK some at a time. */

export interface ListPage<T> {
  items: T[];
  hasMore: boolean;
}

export class Pager<T> {
  readonly #source: AsyncGenerator<T, void, undefined>;
  readonly #size: number;
  /** What was read to find out whether more follows. */
  #ahead: T[] = [];

  constructor(source: AsyncGenerator<T, void, undefined>, size: number) {
    this.#source = source;
    this.#size = size;
  }

  /** Return the next items. Throws what the list throws, and is at its end after that. */
  async next(): Promise<ListPage<T>> {
    const items = this.#ahead;
    while (items.length <= this.#size) {
      const { done, value } = await this.#source.next();
      if (done) break;
      items.push(value as T);
    }
    this.#ahead = items.slice(this.#size);
    return { items: items.slice(0, this.#size), hasMore: this.#ahead.length > 0 };
  }
}
