import type { AgentRun } from '../../api/agent.ts';
import { several } from '../../base/diagnostic.ts';
import { messageOf, PxenError } from '../../base/error.ts';
import { assigned } from '../../domain/vm/equipment.ts';
import { launcherOf } from '../../domain/vm/launches.ts';
import type { Machine } from '../../domain/vm/machine.ts';
import { runSteps, type Step } from '../../domain/workload/steps.ts';
import type { Workload } from '../../domain/workload/workload.ts';
import type { Devices } from '../device/devices.ts';
import type { Launched } from '../vm/driver.ts';
import type { Ensuring, Undo, Volumes } from '../volume/volumes.ts';
import { removeConsoleSockets } from './consoles.ts';
import { engineFailure } from './failure.ts';
import { type Case, Judgement, type JudgementPorts } from './judgement.ts';
import type { Life } from './life.ts';
import { formatSaved, type Saved } from './saved.ts';
import { tapsOf } from './taps.ts';
import type { Tell } from './tell.ts';
import { type MachinePorts, VirtualMachine } from './virtual-machine.ts';
import { within } from './waiting.ts';

/** The files of workloads; see agent/volume/volumes.ts. */
export type VolumeStore = Pick<Volumes, keyof Volumes>;

export interface StartPorts extends MachinePorts, JudgementPorts {
  readonly volumes: VolumeStore;
  readonly devices: Pick<Devices, keyof Devices>;
  /** Ports that starts under way have chosen and that nothing listens on yet. */
  readonly claimed: Set<number>;
}

/** What is to be started. */
export interface Order extends Case {
  readonly request: Pick<AgentRun, 'accel' | 'otherUuids' | 'devices' | 'lazyAllocation'>;
  readonly config: { readonly file: string; readonly text: string };
  /** The one that ended by itself and was not cleared away yet. */
  readonly predecessor: VirtualMachine | undefined;
  /** The predecessor is no more. */
  readonly forget: () => void;
  /** Takes one for this workload. */
  readonly claimContextId: (cid: number) => void;
  readonly tell: Tell;
  /** Aborted: the start is called off. */
  readonly signal: AbortSignal;
}

/** Milliseconds. QEMU opens its socket after some 50, in a machine that is itself emulated after seconds. */
const HANDSHAKE_TIMEOUT = 60_000;
const KILL_LIMIT = 5000;
const END_PATIENCE = 1000;

/** One start: the steps from a judged file to a running virtual machine. What a step finds out, later ones use. */
export class Start {
  readonly #order: Order;
  readonly #ports: StartPorts;
  readonly #judgement: Judgement;
  #machine: Machine | undefined;
  #undoFetch: Undo | undefined;
  #launched: Launched | undefined;
  #vm: VirtualMachine | undefined;

  constructor(order: Order, ports: StartPorts) {
    this.#order = order;
    this.#ports = ports;
    this.#judgement = new Judgement(order, ports);
  }

  /** Rejects with the reason, and then nothing is left but output.log. */
  async run(): Promise<{ readonly vm: VirtualMachine; readonly argv: string[] }> {
    const { clock, say } = this.#ports;
    const { signal, tell } = this.#order;
    await runSteps(this.#steps(), { clock, say, signal, tell });
    this.#free();
    const vm = sure(this.#vm);
    return { vm, argv: [...vm.launch.argv] };
  }

  /** What would be started, if every file could be fetched. Changes nothing. */
  async dry(): Promise<string[]> {
    const machine = await this.#judgement.chance();
    await this.#ports.volumes.refuse(this.#workload, { starting: true });
    return [...launcherOf(this.#workload.engine).launch(machine).argv];
  }

  #steps(): Step[] {
    return [
      { name: 'validate', run: () => this.#validate() },
      { name: 'clear', run: () => this.#clear() },
      { name: 'fetch', run: () => this.#fetch(), undo: () => this.#undoFetch?.() },
      { name: 'check', run: () => this.#check(), undo: () => this.#free() },
      { name: 'folder', run: () => this.#fillFolder(), undo: () => this.#emptyFolder() },
      { name: 'taps', run: () => this.#makeTaps(), undo: () => this.#removeTaps() },
      // Before the guest sends anything. What is done here goes with the taps.
      { name: 'shape', run: () => this.#shapeTaps() },
      { name: 'devices', run: () => this.#takeDevices(), undo: () => this.#giveBackDevices() },
      { name: 'spawn', run: () => this.#spawn(), undo: () => this.#kill() },
      { name: 'handshake', run: () => this.#handshake() },
      { name: 'boot', run: () => this.#boot() },
    ];
  }

  get #workload(): Workload {
    return this.#order.parsed.workload;
  }

  /** Before anything is fetched for hours: is there a chance? */
  async #validate(): Promise<string> {
    await this.#judgement.chance();
    return `${this.#workload.name} can run here`;
  }

  /** What a virtual machine left that ended by itself: its ephemeral volumes were for that run (MH-17). */
  async #clear(): Promise<string | undefined> {
    const { folder, forget, predecessor } = this.#order;
    if (!predecessor) return undefined;
    await this.#ports.taps.remove(folder);
    await this.#ports.devices.giveBack(folder);
    const deleted = await this.#ports.volumes.release(predecessor.saved.machine.workload);
    await predecessor.forget();
    await folder.clear({ log: true });
    forget();
    return ['cleared away what the last run left', ...deleted].join(', ');
  }

  async #fetch(): Promise<string> {
    const { signal, tell } = this.#order;
    const fetched = new Set<number>();
    const progress = teller(tell);
    this.#undoFetch = await this.#ports.volumes.ensure(this.#workload, {
      signal,
      starting: true,
      lazyAllocation: this.#order.request.lazyAllocation,
      progress: (volume, ...how) => {
        fetched.add(volume);
        progress(volume, ...how);
      },
    });
    return fetched.size === 0 ? 'every volume is there' : `fetched ${several(fetched.size, 'volume')}`;
  }

  /** From here to the end of the start the console's port is ours. */
  async #check(): Promise<string> {
    const facts = await this.#judgement.facts();
    this.#machine = this.#judgement.decide(facts);
    const { console } = this.#machine;
    if ('port' in console) this.#ports.claimed.add(console.port);
    if (this.#machine.vsock) this.#order.claimContextId(this.#machine.vsock.cid);
    return 'port' in console ? `${console.type} on port ${console.port}` : console.type;
  }

  #free(): void {
    const console = this.#machine?.console;
    if (console && 'port' in console) this.#ports.claimed.delete(console.port);
  }

  async #fillFolder(): Promise<string> {
    const { config, folder, request } = this.#order;
    const machine = sure(this.#machine);
    const saved: Saved = { config, accel: request.accel, startedAt: this.#ports.clock.now(), machine };
    await folder.clear({ log: true });
    await folder.make();
    await folder.beginLog();
    await folder.write('workload', formatSaved(saved));
    this.#vm = new VirtualMachine(saved, folder, this.#ports);
    const { argv, files = {} } = this.#vm.launch;
    await folder.write('argv', `${argv.join('\n')}\n`);
    for (const [file, text] of entries(files)) await folder.write(file, text);
    return folder.path;
  }

  async #emptyFolder(): Promise<void> {
    await removeConsoleSockets(sure(this.#machine));
    await this.#order.folder.clear({ log: true });
  }

  async #makeTaps(): Promise<string | undefined> {
    const taps = tapsOf(sure(this.#machine));
    await this.#ports.taps.remove(this.#order.folder);
    if (taps.length === 0) return undefined;
    await this.#ports.taps.make(taps, this.#order.folder);
    return taps.map(({ bridge, name }) => `${name} on ${bridge}`).join(', ');
  }

  async #shapeTaps(): Promise<string | undefined> {
    const shaped = await this.#ports.taps.shape(tapsOf(sure(this.#machine)), this.#order.folder);
    return shaped.length === 0 ? undefined : shaped.join(', ');
  }

  async #removeTaps(): Promise<void> {
    await this.#ports.taps.remove(this.#order.folder);
  }

  async #takeDevices(): Promise<string | undefined> {
    const wanted = assigned(sure(this.#machine).devices);
    const taken = await this.#ports.devices.take(this.#workload.name, wanted, this.#order.folder);
    return taken.length === 0 ? undefined : taken.join(', ');
  }

  async #giveBackDevices(): Promise<void> {
    await this.#ports.devices.giveBack(this.#order.folder);
  }

  async #spawn(): Promise<string> {
    const vm = sure(this.#vm);
    this.#launched = await vm.spawn().catch((thrown: unknown) => {
      throw engineFailure(vm, messageOf(thrown), thrown);
    });
    return `pid ${this.#launched.pid}`;
  }

  async #kill(): Promise<void> {
    const vm = sure(this.#vm);
    if (!this.#launched) return;
    vm.release();
    this.#launched.kill();
    const isGone = await within(this.#ports.clock, KILL_LIMIT, this.#launched.ended);
    if (!isGone) throw new Error(`${vm.called} (pid ${vm.pid}) does not end, not even by SIGKILL`);
    await vm.forget();
  }

  async #handshake(): Promise<string> {
    const calledOff = new AbortController();
    void sure(this.#launched).ended.then(() => calledOff.abort());
    const vm = sure(this.#vm);
    await this.#quoted(vm.connect(HANDSHAKE_TIMEOUT, calledOff.signal));
    await vm.serveSerial();
    return `${vm.called} answers`;
  }

  async #boot(): Promise<string> {
    const vm = sure(this.#vm);
    const wanted = this.#workload.powerState ?? 'running';
    const { problem, state } = await this.#quoted(wanted === 'running' ? letGo(vm) : vm.look());
    if (state !== wanted)
      throw engineFailure(
        vm,
        problem ?? (wanted === 'running' ? 'its guest does not run' : 'its guest runs already'),
      );
    await this.#ports.volumes.taken(this.#workload);
    vm.runs();
    return wanted === 'running' ? 'the guest runs' : 'the guest waits for a resume';
  }

  /** When the engine ends, that is seen in its connection first; what it said is the reason. */
  async #quoted<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (thrown) {
      const vm = sure(this.#vm);
      const ended = await within(this.#ports.clock, END_PATIENCE, sure(this.#launched).ended);
      throw engineFailure(vm, ended ? `${vm.called} ended at once` : messageOf(thrown), thrown);
    }
  }
}

/** The guest runs, or the engine says why not. */
async function letGo(vm: VirtualMachine): Promise<Life> {
  const life = await vm.look();
  if (!life.prelaunch) return life;
  await vm.control().resume();
  return vm.look();
}

type Files = NonNullable<VirtualMachine['launch']['files']>;

function entries(files: Files): [keyof Files, string][] {
  return Object.entries(files) as [keyof Files, string][];
}

/** Tells the progress of volumes line by line. */
export function teller(tell: Tell): Ensuring['progress'] {
  return (volume, path, received, total) =>
    tell({ progress: { volume, path, received, ...(total === undefined ? {} : { total }) } });
}

/** A step has what the steps before it found. */
function sure<T>(value: T | undefined): T {
  if (value === undefined) throw new PxenError('INTERNAL', 'a step of a start ran before its turn');
  return value;
}
