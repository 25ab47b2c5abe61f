import type { Mac } from '../../base/mac.ts';
import type { BootEvent } from '../../domain/node/timeline.ts';
import { BoundedMap } from './bounded.ts';

const MAX_CARDS = 256;
const MAX_EVENTS_EACH = 20;

/** Events of cards whose machine is not known yet, until it is. */
export class UnclaimedEvents {
  readonly #byMac = new BoundedMap<Mac, BootEvent[]>(MAX_CARDS);

  /** An event without even a card belongs to nobody and is dropped. */
  add(mac: Mac | undefined, event: BootEvent): void {
    if (mac === undefined) return;
    const events = this.#byMac.get(mac) ?? [];
    events.push(event);
    if (events.length > MAX_EVENTS_EACH) events.shift();
    this.#byMac.set(mac, events);
  }

  /** Hands the events out and forgets them. */
  take(mac: Mac | undefined): readonly BootEvent[] {
    if (mac === undefined) return [];
    const events = this.#byMac.get(mac) ?? [];
    this.#byMac.delete(mac);
    return events;
  }
}
