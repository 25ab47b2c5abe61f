import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { messageOf, PxenError } from '../../base/error.ts';
import {
  type FoundDevice,
  type Neighbour,
  passingProblems,
  VFIO_DRIVER,
  type WantedDevice,
} from '../../domain/device/passing.ts';
import { type Exec, failureOf } from '../../io/exec.ts';
import type { Tree } from '../tree.ts';
import { type StateFolder, stateFolders } from '../workload/folder.ts';
import { usesOf } from './uses.ts';

export interface DevicePorts {
  readonly root: string;
  readonly tree: Tree;
  readonly exec: Exec;
  /** Writes into a file of sysfs, where that is an act of the kernel. */
  readonly write?: ((file: string, text: string) => Promise<void>) | undefined;
  /** One plain line. */
  readonly say: (line: string) => void;
}

const PCI = '/sys/bus/pci';
const GROUPS = '/sys/kernel/iommu_groups';
/** PCI-to-PCI bridge, and any other bridge: first byte of the class. */
const BRIDGE_CLASS = /^0x06/;
const MODPROBE_TIMEOUT = 30_000;

const bindingsSchema = z.array(z.object({ address: z.string(), driver: z.string().optional() }));
type Binding = z.infer<typeof bindingsSchema>[number];

/**
 * Takes PCI devices from the node for guests, and gives them back to the drivers that had them (checklist TC-31). What
 * was bound to what is in the state folder before anything is changed, for an agent that comes later.
 */
export class Devices {
  readonly #ports: DevicePorts;
  readonly #write: NonNullable<DevicePorts['write']>;
  /** One after the other: what one has taken the next one sees. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(ports: DevicePorts) {
    this.#ports = ports;
    this.#write = ports.write ?? ((file, text) => writeFile(file, text));
  }

  /** Throws WORKLOAD_INVALID with everything that stands against it. Changes nothing. */
  refuse(name: string, uuid: string, wanted: readonly WantedDevice[]): void {
    if (wanted.length === 0) return;
    const found = new Map<string, FoundDevice>();
    for (const { address } of wanted) {
      const device = this.#look(address);
      if (device) found.set(address, device);
    }
    const problems = passingProblems(wanted, { found, holders: this.#holders(uuid) });
    if (problems.length === 0) return;
    throw new PxenError('WORKLOAD_INVALID', `${name}: its PCI devices cannot be handed to it`, {
      details: problems,
    });
  }

  /** Says of each what was done. */
  async take(name: string, wanted: readonly WantedDevice[], folder: StateFolder): Promise<string[]> {
    if (wanted.length === 0) return [];
    const taking = this.#turn.then(() => this.#take(name, wanted, folder));
    this.#turn = taking.catch(() => {});
    return taking;
  }

  async #take(name: string, wanted: readonly WantedDevice[], folder: StateFolder): Promise<string[]> {
    this.refuse(name, folder.uuid, wanted);
    await this.#loadDriver();
    const bindings = wanted.map(({ address }) => ({ address, driver: this.#driverOf(address) }));
    await folder.write('devices', `${JSON.stringify(bindings)}\n`);
    for (const binding of bindings) await this.#bind(binding);
    return bindings.map(({ address, driver }) =>
      driver === undefined ? address : `${address} from ${driver}`,
    );
  }

  /**
   * All that the workload has, whether its last start is known or not. Their addresses. Its engine must be gone. One that
   * does not come back holds up no other; it stays the workload's, for the next time.
   */
  async giveBack(folder: StateFolder): Promise<string[]> {
    const bindings = this.#bindingsIn(folder);
    const left = bindings.filter(({ address, driver }) => driver !== VFIO_DRIVER && this.#exists(address));
    const stuck: { readonly binding: Binding; readonly thrown: unknown }[] = [];
    for (const binding of left) await this.#release(binding).catch(thrown => stuck.push({ binding, thrown }));
    const rest = JSON.stringify(stuck.map(({ binding }) => binding));
    if (bindings.length > 0) await folder.write('devices', `${rest}\n`);
    for (const { thrown } of stuck) throw thrown;
    return left.map(({ address }) => address);
  }

  #exists(address: string): boolean {
    return this.#ports.tree.exists(`${PCI}/devices/${address}`);
  }

  #look(address: string): FoundDevice | undefined {
    const { root, tree } = this.#ports;
    if (!this.#exists(address)) return undefined;
    const group = tree.link(`${PCI}/devices/${address}/iommu_group`);
    const members = group === undefined ? [] : tree.list(`${GROUPS}/${group}/devices`);
    return {
      driver: this.#driverOf(address),
      group,
      neighbours: members.filter(member => member !== address).map(member => this.#neighbour(member)),
      uses: usesOf(address, root, tree),
    };
  }

  #neighbour(address: string): Neighbour {
    const classCode = this.#ports.tree.text(`${PCI}/devices/${address}/class`) ?? '';
    return { address, driver: this.#driverOf(address), isBridge: BRIDGE_CLASS.test(classCode) };
  }

  #driverOf(address: string): string | undefined {
    return this.#ports.tree.link(`${PCI}/devices/${address}/driver`);
  }

  #holders(uuid: string): Map<string, string> {
    const folders = stateFolders(
      this.#ports.root,
      other => other !== uuid,
      () => {},
    );
    return new Map(
      folders.flatMap(folder => this.#bindingsIn(folder).map(({ address }) => [address, folder.uuid])),
    );
  }

  #bindingsIn(folder: StateFolder): Binding[] {
    const text = folder.read('devices');
    if (text === undefined) return [];
    try {
      return bindingsSchema.parse(JSON.parse(text));
    } catch (error) {
      this.#ports.say(`${folder.at('devices')} cannot be read, it counts as empty: ${messageOf(error)}`);
      return [];
    }
  }

  /** The second module is what QEMU asks vfio for. */
  async #loadDriver(): Promise<void> {
    if (this.#ports.tree.exists(`${PCI}/drivers/${VFIO_DRIVER}`)) return;
    const run = await this.#ports.exec('modprobe', ['-a', VFIO_DRIVER, 'vfio_iommu_type1'], {
      timeout: MODPROBE_TIMEOUT,
    });
    const failure = failureOf(run);
    if (failure === undefined) return;
    throw new PxenError('WORKLOAD_FAILED', `the node cannot hand out PCI devices: modprobe ${failure}`, {
      details: ['the kernel of the node needs the modules vfio-pci and vfio_iommu_type1'],
    });
  }

  async #bind({ address, driver }: Binding): Promise<void> {
    if (driver === VFIO_DRIVER) return;
    const device = `${PCI}/devices/${address}`;
    await this.#tell(`${device}/driver_override`, VFIO_DRIVER, address);
    if (driver !== undefined) await this.#tell(`${device}/driver/unbind`, address, address);
    await this.#tell(`${PCI}/drivers_probe`, address, address);
    const now = this.#driverOf(address);
    if (now === VFIO_DRIVER) return;
    throw new PxenError(
      'WORKLOAD_FAILED',
      `${address}: got ${now ?? 'no driver'} after binding, expected ${VFIO_DRIVER}`,
      { details: ['dmesg of the node tells why'] },
    );
  }

  /** The line end alone clears the override (Documentation/ABI/testing/sysfs-bus-pci). */
  async #release({ address, driver }: Binding): Promise<void> {
    const device = `${PCI}/devices/${address}`;
    await this.#tell(`${device}/driver_override`, '\n', address);
    if (this.#driverOf(address) === VFIO_DRIVER)
      await this.#tell(`${device}/driver/unbind`, address, address);
    if (driver !== undefined && this.#driverOf(address) === undefined)
      await this.#tell(`${PCI}/drivers_probe`, address, address);
  }

  async #tell(file: string, text: string, address: string): Promise<void> {
    try {
      await this.#write(join(this.#ports.root, file), text);
    } catch (error) {
      const what = `${address}: the kernel refuses ${JSON.stringify(text.trim())} for ${file}`;
      throw new PxenError('WORKLOAD_FAILED', `${what}: ${messageOf(error)}`, { cause: error });
    }
  }
}
