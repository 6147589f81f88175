/** Listeners whose registration returns its own undo. */

export type Undo = () => void;
export type Listener<T> = (value: T) => void;

export class Emitter<T = void> {
  #listeners = new Set<Listener<T>>();

  /** Calls `listener` at every emit, until the returned function is called. */
  subscribe(listener: Listener<T>): Undo {
    const own: Listener<T> = (value) => listener(value);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  emit(value: T): void {
    for (const listener of [...this.#listeners]) listener(value);
  }

  get size(): number {
    return this.#listeners.size;
  }
}
