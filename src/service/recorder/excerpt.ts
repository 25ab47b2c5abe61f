/** The first and the last entries of a long row; those in the middle are counted. Old entries are handed back, so that their memory is used again. */
export class Excerpt<T> {
  readonly #most: { readonly head: number; readonly tail: number };
  readonly #head: T[] = [];
  readonly #tail: T[] = [];
  #next = 0;
  #omitted = 0;

  constructor(most: { readonly head: number; readonly tail: number }) {
    this.#most = most;
  }

  /** Entries left out of the middle. */
  get omitted(): number {
    return this.#omitted;
  }

  get head(): readonly T[] {
    return this.#head;
  }

  /** What came last, in order. */
  get tail(): readonly T[] {
    return [...this.#tail.slice(this.#next), ...this.#tail.slice(0, this.#next)];
  }

  /** `make` gets the entry that is dropped for the new one, if one is. */
  add(make: (dropped: T | undefined) => T): void {
    if (this.#head.length < this.#most.head) {
      this.#head.push(make(undefined));
    } else if (this.#tail.length < this.#most.tail) {
      this.#tail.push(make(undefined));
    } else {
      this.#omitted++;
      this.#tail[this.#next] = make(this.#tail[this.#next]);
      this.#next = (this.#next + 1) % this.#most.tail;
    }
  }
}
