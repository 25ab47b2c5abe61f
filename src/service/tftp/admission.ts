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
  /** By `Clock.elapsed`. */
  readonly since: number;
  /** Undefined while the file is being opened. */
  session?: Session;
}

/** Clients repeat a request sooner than this; one that comes later is from a machine that was switched off and on. */
const REPETITION_MS = 1000;

/** In a storm of honest clients the answer to the first packet takes a while; nobody loses the place before. */
const ANSWER_WITHIN_MS = 500;

/**
 * Who may have a transfer: one for each pair of transfer identifiers, and not too many. Where there is no room, a new
 * request takes the place of the oldest one whose client has never answered: forged requests cannot lock others out.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #places = new Map<string, Place>();
  readonly #perClient = new Map<Ipv4, Set<Place>>();
  /** Oldest first; whose client has answered since is sorted out when room is needed. */
  readonly #halfOpen = new Set<Place>();

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#places.size;
  }

  sessions(): Session[] {
    return [...this.#places.values()].flatMap(place => place.session ?? []);
  }

  /** Whether this place still counts; a later request may have taken it over. */
  holds(place: Place): boolean {
    return this.#places.get(place.id) === place;
  }

  /** `repetition`: it is being answered already. `full`: there is no room. An older transfer of the port is abandoned. */
  admit(place: Place): 'admitted' | 'repetition' | 'full' {
    const known = this.#places.get(place.id);
    if (known && isRepetition(known, place)) return 'repetition';
    if (known) this.#abandon(known, 'the client sent another request from the same port');
    if (!this.#makeRoom(place)) return 'full';
    const ofClient = this.#perClient.get(place.client) ?? new Set();
    this.#perClient.set(place.client, ofClient.add(place));
    this.#places.set(place.id, place);
    this.#halfOpen.add(place);
    return 'admitted';
  }

  release(place: Place): void {
    if (!this.holds(place)) return;
    this.#places.delete(place.id);
    this.#halfOpen.delete(place);
    const ofClient = this.#perClient.get(place.client);
    ofClient?.delete(place);
    if (ofClient?.size === 0) this.#perClient.delete(place.client);
  }

  #makeRoom({ client, since }: Place): boolean {
    const ofClient = this.#perClient.get(client) ?? new Set();
    const crowd =
      ofClient.size >= this.#limits.transfersPerClient
        ? ofClient
        : this.#places.size >= this.#limits.transfers
          ? this.#halfOpen
          : undefined;
    if (crowd === undefined) return true;
    const oldest = this.#oldestUnheard(crowd, since - ANSWER_WITHIN_MS);
    if (oldest) this.#abandon(oldest, 'others needed its place');
    return oldest !== undefined;
  }

  #oldestUnheard(crowd: ReadonlySet<Place>, before: number): Place | undefined {
    for (const place of crowd) {
      if (!place.session?.heard) return place.since < before ? place : undefined;
      this.#halfOpen.delete(place);
    }
    return undefined;
  }

  #abandon(place: Place, reason: string): void {
    place.session?.abandon(reason);
    this.release(place);
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
