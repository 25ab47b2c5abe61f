import { messageOf, PxenError } from '../../base/error.ts';
import type { Devices } from '../device/devices.ts';
import { removeConsoleSockets } from './consoles.ts';
import { type FindPorts, findMachines } from './finding.ts';
import type { VirtualMachine } from './virtual-machine.ts';

export interface WatchPorts extends FindPorts {
  readonly devices: Pick<Devices, 'giveBack'>;
}

/** Milliseconds between two looks at logs and processes; every so many looks, at what is used too. */
const LOOK_EVERY = 2000;
const LOOKS_PER_REFRESH = 5;

/** The virtual machines of this node, living and ended, and how they are looked after. */
export class Machines {
  readonly #ports: WatchPorts;
  readonly #byUuid = new Map<string, VirtualMachine>();
  #callOff: (() => void) | undefined;
  #looks = 0;
  #stopped = false;

  constructor(ports: WatchPorts) {
    this.#ports = ports;
  }

  /** Finds what an earlier agent started; that is known when it returns. Connections follow. */
  start(): void {
    for (const machine of findMachines(this.#ports)) this.#byUuid.set(machine.folder.uuid, machine);
    for (const machine of this.#byUuid.values()) void this.#takeOver(machine);
    this.#lookLater();
  }

  /** They are looked after no more. */
  stop(): void {
    this.#stopped = true;
    this.#callOff?.();
  }

  /** Lets go of all of them; they go on. */
  release(): void {
    for (const machine of this.#byUuid.values()) machine.release();
  }

  get size(): number {
    return this.#byUuid.size;
  }

  all(): VirtualMachine[] {
    return [...this.#byUuid.values()];
  }

  get(uuid: string): VirtualMachine | undefined {
    return this.#byUuid.get(uuid);
  }

  has(uuid: string): boolean {
    return this.#byUuid.has(uuid);
  }

  set(uuid: string, machine: VirtualMachine): void {
    this.#byUuid.set(uuid, machine);
  }

  delete(uuid: string): void {
    this.#byUuid.delete(uuid);
  }

  /** Throws WORKLOAD_STATE when it is not there, or has ended. */
  living(uuid: string): VirtualMachine {
    const machine = this.#byUuid.get(uuid);
    if (!machine) throw notHere(uuid);
    if (machine.end) throw wrongState(machine, `does not run any more: ${machine.end.reason}`);
    return machine;
  }

  refuseRunning(uuid: string): void {
    const machine = this.#byUuid.get(uuid);
    if (machine && !machine.end) throw wrongState(machine, `runs already on this node (pid ${machine.pid})`);
  }

  /** Context ids of the vsocks of all that live, but of this one. */
  contextIdsBut(uuid: string): number[] {
    const others = this.all().filter(machine => machine.folder.uuid !== uuid && !machine.end);
    return others.flatMap(({ saved }) => saved.machine.vsock?.cid ?? []);
  }

  /** Figures of all that are not of this moment. */
  async refresh(): Promise<void> {
    await Promise.all(this.all().map(machine => machine.refresh()));
  }

  /** Of an earlier agent. */
  async #takeOver(machine: VirtualMachine): Promise<void> {
    if (!machine.end) return machine.lookAfter();
    await removeConsoleSockets(machine.saved.machine);
    const troubled = (thrown: unknown): void => this.#ports.say(messageOf(thrown));
    await this.#ports.taps.remove(machine.folder).catch(troubled);
    await this.#ports.devices.giveBack(machine.folder).catch(troubled);
    await machine.forget().catch(troubled);
  }

  #lookLater(): void {
    if (!this.#stopped) this.#callOff = this.#ports.clock.after(LOOK_EVERY, () => void this.#look());
  }

  async #look(): Promise<void> {
    this.#looks += 1;
    await Promise.all(this.all().map(machine => machine.lookAfter()));
    if (this.#looks % LOOKS_PER_REFRESH === 0) await this.refresh();
    this.#lookLater();
  }
}

export function notHere(uuid: string): PxenError {
  return new PxenError('WORKLOAD_STATE', `${uuid}: does not run on this node`);
}

export function wrongState(machine: VirtualMachine, how: string): PxenError {
  return new PxenError('WORKLOAD_STATE', `${machine.name}: ${how}`);
}
