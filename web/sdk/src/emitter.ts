/** Register listeners so that each registration returns its own undo. */

/** Undoes one registration. Calling it twice is harmless. */
export type Undo = () => void;
/** Receives one value. */
export type Listener<T> = (value: T) => void;

/** Calls its listeners, in the order in which they subscribed. */
export class Emitter<T = void> {
  readonly #listeners = new Set<Listener<T>>();

  /** Call `listener` at every emit, until the returned function is called. */
  subscribe(listener: Listener<T>): Undo {
    const own: Listener<T> = (value) => listener(value);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Call every listener. A listener's error is reported as uncaught; the other listeners and the caller go on. */
  emit(value: T): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        setTimeout(() => {
          throw error;
        });
      }
    }
  }
}
