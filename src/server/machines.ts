import type { MachineId } from '../domain/machine/genid.ts';
import type { OverlayRecord, OverlayStore } from '../domain/overlay/store.ts';

/** Which machines have a folder of their own, and what it is called. Kept in memory: DHCP asks for each packet. */
export class MachineNames {
  readonly #store: OverlayStore;
  #records: readonly OverlayRecord[] | undefined;
  #names: ReadonlyMap<string, string> = new Map();
  #contents: ReadonlyMap<string, string> = new Map();

  constructor(store: OverlayStore) {
    this.#store = store;
  }

  /** Reads what is served now; `mesh system configure` may have changed it behind our back. */
  async refresh(): Promise<void> {
    const records = await this.#store.records();
    if (records === this.#records) return;
    this.#records = records;
    this.#names = new Map(
      records.flatMap(({ owner, folder }) => (folder === undefined ? [] : [[owner, folder]])),
    );
    // The folder for `default` comes after the built-in overlay, and goes before it.
    this.#contents = new Map(records.map(({ owner, content }) => [owner, content]));
  }

  of(id: MachineId | undefined): string | undefined {
    return id === undefined ? undefined : this.#names.get(id);
  }

  /** Machine folders that are served. */
  get count(): number {
    return this.#names.size;
  }

  /** The content of the overlay that the machine would get now. */
  served(id: MachineId): string | undefined {
    return this.#contents.get(id) ?? this.#contents.get('default');
  }
}
