/** The first and the last entries of a long row; those in the middle are counted. */
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

  /** The entry that the next one takes the place of, once there is no more room. */
  oldest(): T | undefined {
    const full = this.#head.length === this.#most.head && this.#tail.length === this.#most.tail;
    return full ? this.#tail[this.#next] : undefined;
  }

  add(entry: T): void {
    if (this.#head.length < this.#most.head) this.#head.push(entry);
    else if (this.#tail.length < this.#most.tail) this.#tail.push(entry);
    else {
      this.#omitted++;
      this.#tail[this.#next] = entry;
      this.#next = (this.#next + 1) % this.#most.tail;
    }
  }

  all(): readonly T[] {
    return [...this.#head, ...this.#tail];
  }
}
