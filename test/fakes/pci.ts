import { existsSync, mkdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { treeUnder } from '../../src/agent/tree.ts';

const PCI = '/sys/bus/pci';

/** The PCI devices of a node in a folder, and what Linux does when somebody writes into their files of sysfs. */
export class FakePci {
  /** A file that cannot be written. */
  refuses: string | undefined;
  readonly #root: string;
  /** The driver that Linux finds for a device. */
  readonly #usual = new Map<string, string>();
  readonly #overrides = new Map<string, string>();

  constructor(root: string) {
    this.#root = root;
  }

  /** A device with the driver that suits it, and which has it now unless it is `idle`. */
  add(address: string, device: { group?: string; driver?: string; idle?: boolean }): void {
    const { driver, group, idle } = device;
    this.put(`${PCI}/devices/${address}/class`, '0x030000\n');
    if (driver !== undefined) this.#usual.set(address, driver);
    if (driver !== undefined && !idle) this.#bind(address, driver);
    if (group === undefined) return;
    this.lead(`${PCI}/devices/${address}/iommu_group`, `/sys/kernel/iommu_groups/${group}`);
    this.put(`/sys/kernel/iommu_groups/${group}/devices/${address}`);
  }

  driverOf(address: string): string | undefined {
    return treeUnder(this.#root).link(`${PCI}/devices/${address}/driver`);
  }

  put(path: string, text = ''): void {
    mkdirSync(dirname(join(this.#root, path)), { recursive: true });
    writeFileSync(join(this.#root, path), text);
  }

  lead(path: string, to: string): void {
    mkdirSync(dirname(join(this.#root, path)), { recursive: true });
    symlinkSync(join(this.#root, to), join(this.#root, path));
  }

  readonly write = async (file: string, text: string): Promise<void> => {
    const path = file.slice(this.#root.length);
    if (path === this.refuses) throw new Error('EBUSY: resource busy');
    const address = /devices\/([^/]+)/.exec(path)?.[1] ?? text;
    if (path.endsWith('/driver_override')) this.#overrides.set(address, text.trim());
    if (path.endsWith('/unbind')) unlinkSync(this.#driver(address));
    if (path.endsWith('/drivers_probe')) this.#probe(address);
  };

  #probe(address: string): void {
    const driver = this.#overrides.get(address) || this.#usual.get(address);
    if (driver !== undefined && !existsSync(this.#driver(address))) this.#bind(address, driver);
  }

  #bind(address: string, driver: string): void {
    this.put(`${PCI}/drivers/${driver}/bind`);
    this.lead(`${PCI}/devices/${address}/driver`, `${PCI}/drivers/${driver}`);
  }

  #driver(address: string): string {
    return join(this.#root, PCI, 'devices', address, 'driver');
  }
}
