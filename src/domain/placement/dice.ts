/** Random in look, the same every time: one and the same snapshot has one plan. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed ^ 0x2545f491;
  }

  /** A whole number from 0 to below `sides` (xorshift32). */
  roll(sides: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % sides;
  }

  shuffled(items: readonly number[]): readonly number[] {
    const cards = [...items];
    for (let last = cards.length - 1; last > 0; last--) {
      const other = this.roll(last + 1);
      [cards[last], cards[other]] = [cards[other] ?? 0, cards[last] ?? 0];
    }
    return cards;
  }
}
