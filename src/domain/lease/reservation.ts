import type { Ipv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import type { MachineId } from '../machine/genid.ts';

/** A network card, and the machine it is known to belong to. */
export interface Card {
  readonly mac: Mac;
  /** Undefined as long as nothing has told it: a plain client sends no option 97. */
  readonly machineId: MachineId | undefined;
}

/** An address that is kept for one card (`mac`) or for one machine (`id`), whichever card it boots from. */
export interface Reservation {
  readonly mac: Mac | undefined;
  readonly id: MachineId | undefined;
  readonly address: Ipv4;
  /** Option 12. */
  readonly hostname: string | undefined;
}

/** All reservations, to be asked from both ends. */
export class Reservations {
  readonly addresses: readonly Ipv4[];
  readonly #byMac: ReadonlyMap<Mac, Reservation>;
  readonly #byId: ReadonlyMap<MachineId, Reservation>;
  readonly #byAddress: ReadonlyMap<Ipv4, Reservation>;

  constructor(all: readonly Reservation[]) {
    this.addresses = all.map(({ address }) => address);
    this.#byMac = new Map(all.flatMap(one => (one.mac ? [[one.mac, one]] : [])));
    this.#byId = new Map(all.flatMap(one => (one.id ? [[one.id, one]] : [])));
    this.#byAddress = new Map(all.map(one => [one.address, one]));
  }

  /** What is kept for this card; its MAC says more than the machine it sits in. */
  of({ mac, machineId }: Card): Reservation | undefined {
    return this.#byMac.get(mac) ?? (machineId && this.#byId.get(machineId));
  }

  /** Who an address is kept for. */
  at(address: Ipv4): Reservation | undefined {
    return this.#byAddress.get(address);
  }
}
