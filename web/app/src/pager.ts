/** Read a long list of the SDK page by page. */

export interface ListPage<T> {
  items: T[];
  hasMore: boolean;
}

export class Pager<T> {
  readonly #source: AsyncGenerator<T, void, undefined>;
  readonly #size: number;
  /** Items read beyond the last page, to find out whether more follow. */
  #ahead: T[] = [];

  constructor(source: AsyncGenerator<T, void, undefined>, size: number) {
    this.#source = source;
    this.#size = size;
  }

  /** Return the next page. An error of the list is thrown to the caller and ends the list. */
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
