import type { MachineId } from '../domain/machine/genid.ts';
import type { OverlayStore } from '../domain/overlay/store.ts';

/** Which machines have a folder of their own, and what it is called. Kept in memory: DHCP asks for each packet. */
export class MachineNames {
  readonly #store: OverlayStore;
  #names: ReadonlyMap<string, string> = new Map();

  constructor(store: OverlayStore) {
    this.#store = store;
  }

  /** Reads what is served now; `mesh system configure` may have changed it behind our back. */
  async refresh(): Promise<void> {
    const records = await this.#store.records();
    this.#names = new Map(
      records.flatMap(({ owner, folder }) => (folder === undefined ? [] : [[owner, folder]])),
    );
  }

  of(id: MachineId | undefined): string | undefined {
    return id === undefined ? undefined : this.#names.get(id);
  }
}
