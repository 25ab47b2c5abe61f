/** Work for many nodes: on each node one after the other, on so many nodes at the same time. */
export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];
  readonly #last = new Map<string, Promise<void>>();

  constructor(nodesAtOnce: number) {
    this.#free = nodesAtOnce;
  }

  take<T>(node: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(node) ?? Promise.resolve();
    const mine = before.then(() => this.#admitted(work));
    const over = mine.then(
      () => {},
      () => {},
    );
    this.#last.set(node, over);
    void over.then(() => {
      if (this.#last.get(node) === over) this.#last.delete(node);
    });
    return mine;
  }

  async #admitted<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>(resolve => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}
