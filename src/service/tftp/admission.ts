import type { Ipv4 } from '../../base/ipv4.ts';
import type { TransferRequest } from '../../wire/tftp/packet.ts';
import type { Session } from './session.ts';

export interface AdmissionLimits {
  /** Transfers at one time, in all and for one client address. */
  readonly transfers: number;
  readonly transfersPerClient: number;
}

/** One admitted request, from its arrival to the end of its transfer. */
export interface Place {
  /** The transfer identifiers of both sides: `10.77.0.1 10.77.0.100:2070`. */
  readonly id: string;
  readonly client: Ipv4;
  readonly request: TransferRequest;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** Undefined while the file is being opened. */
  session?: Session;
}

/** Clients repeat a request sooner than this; one that comes later is from a machine that was switched off and on. */
const REPETITION_MS = 1000;

/** Who may have a transfer: one for each pair of transfer identifiers, and not too many. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #places = new Map<string, Place>();
  readonly #perClient = new Map<Ipv4, number>();

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#places.size;
  }

  sessions(): Session[] {
    return [...this.#places.values()].flatMap(place => place.session ?? []);
  }

  /** Whether this place still counts; a later request from the same port takes it over. */
  holds(place: Place): boolean {
    return this.#places.get(place.id) === place;
  }

  /** `repetition`: it is being answered already. `full`: there is no room. An older transfer of the port is abandoned. */
  admit(place: Place): 'admitted' | 'repetition' | 'full' {
    const known = this.#places.get(place.id);
    if (known && isRepetition(known, place)) return 'repetition';
    if (known) {
      known.session?.abandon();
      this.release(known);
    }
    const ofClient = this.#perClient.get(place.client) ?? 0;
    if (this.#places.size >= this.#limits.transfers || ofClient >= this.#limits.transfersPerClient)
      return 'full';
    this.#places.set(place.id, place);
    this.#perClient.set(place.client, ofClient + 1);
    return 'admitted';
  }

  release(place: Place): void {
    if (!this.holds(place)) return;
    this.#places.delete(place.id);
    const left = (this.#perClient.get(place.client) ?? 1) - 1;
    if (left > 0) this.#perClient.set(place.client, left);
    else this.#perClient.delete(place.client);
  }
}

/** PXE ROMs use the same port after every reset (2070), so the same request may also be a fresh start. */
function isRepetition(known: Place, again: Place): boolean {
  const heardAt = known.session?.heardAt ?? known.since;
  return sameRequest(known.request, again.request) && again.since - heardAt < REPETITION_MS;
}

function sameRequest(a: TransferRequest, b: TransferRequest): boolean {
  const same = a.filename === b.filename && a.mode === b.mode && a.options.size === b.options.size;
  return same && [...a.options].every(([name, value]) => b.options.get(name) === value);
}
