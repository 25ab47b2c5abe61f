/**
 * Runs tasks of one key one after the other and those of different keys side by side. Bounded: beyond `limit` tasks
 * that have not ended, new ones are refused, so a flood or a slow disk cannot eat the memory.
 */
export class OrderlyTasks<Key> {
  readonly #limit: number;
  readonly #last = new Map<Key, Promise<void>>();
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** False when it was refused. `task` must not throw or reject. Runs at once when nothing of its key is under way. */
  run(key: Key, task: () => Promise<void> | undefined): boolean {
    if (this.#count >= this.#limit) return false;
    const before = this.#last.get(key);
    const running = before ? before.then(task) : task();
    if (running) this.#follow(key, running);
    return true;
  }

  #follow(key: Key, running: Promise<void>): void {
    this.#count++;
    const ended = running.then(() => {
      this.#count--;
      if (this.#last.get(key) === ended) this.#last.delete(key);
    });
    this.#last.set(key, ended);
  }

  /** Resolves when everything that was accepted so far has ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}
