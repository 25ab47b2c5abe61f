import type { Mac } from '../../src/base/mac.ts';
import type { Lease, LeaseStore } from '../../src/domain/lease/lease.ts';

/** Leases in memory. `failure` makes every write reject; `hold` makes writes wait for `letGo`. */
export class MemoryLeases implements LeaseStore {
  readonly leases = new Map<Mac, Lease>();
  failure: Error | undefined;
  #gate: Promise<void> | undefined;
  #open: () => void = () => {};

  constructor(leases: readonly Lease[] = []) {
    for (const lease of leases) this.leases.set(lease.mac, lease);
  }

  all(): Lease[] {
    return [...this.leases.values()];
  }

  async put(lease: Lease): Promise<void> {
    await this.#write();
    for (const other of this.leases.values())
      if (other.address === lease.address && other.mac !== lease.mac) this.leases.delete(other.mac);
    this.leases.set(lease.mac, lease);
  }

  async remove(mac: Mac): Promise<void> {
    await this.#write();
    this.leases.delete(mac);
  }

  hold(): void {
    this.#gate = new Promise(resolve => {
      this.#open = resolve;
    });
  }

  letGo(): void {
    this.#open();
    this.#gate = undefined;
  }

  async #write(): Promise<void> {
    await this.#gate;
    if (this.failure) throw this.failure;
  }
}
