/** The smallest of many numbers, and of equals the first, when single ones change: O(log n) for a change. */
export class Tournament {
  readonly #values: Float64Array;
  /** A binary tree in an array: the winner of node i is that of its children 2i and 2i+1. */
  readonly #winners: Int32Array;
  readonly #leaves: number;

  constructor(count: number) {
    this.#values = new Float64Array(count).fill(Infinity);
    this.#leaves = 2 ** Math.ceil(Math.log2(Math.max(1, count)));
    this.#winners = new Int32Array(2 * this.#leaves).fill(-1);
  }

  /** All of them anew. */
  playAll(value: (index: number) => number): void {
    for (let i = 0; i < this.#values.length; i++) {
      this.#values[i] = value(i);
      this.#winners[this.#leaves + i] = i;
    }
    for (let node = this.#leaves - 1; node > 0; node--) this.#play(node);
  }

  set(index: number, value: number): void {
    this.#values[index] = value;
    for (let node = (this.#leaves + index) >> 1; node > 0; node >>= 1) this.#play(node);
  }

  /** Index of the smallest; -1 when all are Infinity. */
  best(): number {
    const winner = this.#winners[1] ?? -1;
    return winner >= 0 && (this.#values[winner] ?? Infinity) < Infinity ? winner : -1;
  }

  #play(node: number): void {
    const left = this.#winners[2 * node] ?? -1;
    const right = this.#winners[2 * node + 1] ?? -1;
    const leftWins = right < 0 || (left >= 0 && (this.#values[left] ?? 0) <= (this.#values[right] ?? 0));
    this.#winners[node] = leftWins ? left : right;
  }
}
