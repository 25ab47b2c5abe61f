/** A line that would come with every packet of a flood is said once in so long, milliseconds. */
export const SAID_AGAIN_AFTER = 60_000;
/** Different lines that are remembered; a stranger chooses what some of them say. */
const MOST_LINES = 256;

/** Decides which of many equal lines are said. */
export class Sparse {
  readonly #lines = new Map<string, { at: number; kept: number }>();

  /** `now` is Clock.elapsed. Says the line now, with the number of those kept back since the last time, or keeps it back. */
  say(key: string, now: number, line: string, write: (line: string) => void): void {
    const last = this.#lines.get(key);
    if (last && now - last.at < SAID_AGAIN_AFTER) {
      last.kept++;
      return;
    }
    this.#lines.delete(key);
    this.#lines.set(key, { at: now, kept: 0 });
    const [oldest] = this.#lines.keys();
    if (this.#lines.size > MOST_LINES && oldest !== undefined) this.#lines.delete(oldest);
    write(last && last.kept > 0 ? `${line} (and ${last.kept} times more since the last such line)` : line);
  }
}
