import { join } from 'node:path';
import type { AgentRun } from '../../api/agent.ts';
import { several } from '../../base/diagnostic.ts';
import { messageOf, PxenError } from '../../base/error.ts';
import type { Sha256 } from '../../domain/machine/genid.ts';
import { decideMachine, type Machine } from '../../domain/vm/machine.ts';
import { qemuArgv } from '../../domain/vm/qemu/argv.ts';
import type { WorkloadFacts } from '../../domain/workload/facts.ts';
import { judgeOnNode, type WellFormed } from '../../domain/workload/judge.ts';
import { workloadError } from '../../domain/workload/problem.ts';
import type { Workload } from '../../domain/workload/workload.ts';
import type { Ensuring, Undo, Volumes } from '../volume/volumes.ts';
import { removeConsoleSockets } from './consoles.ts';
import { asIfFetched, type FactPorts, gatherWorkloadFacts } from './facts.ts';
import type { StateFolder } from './folder.ts';
import { type Life, lifeOf, waitsForStart } from './life.ts';
import { LogFile } from './logfile.ts';
import type { Launched } from './processes.ts';
import { formatSaved, type Saved } from './saved.ts';
import { runSteps, type Step, type Tell } from './steps.ts';
import { tapsOf } from './taps.ts';
import { type MachinePorts, VirtualMachine } from './virtual-machine.ts';
import { within } from './waiting.ts';

/** The files of workloads; see agent/volume/volumes.ts. */
export type VolumeStore = Pick<Volumes, keyof Volumes>;

export interface StartPorts extends MachinePorts {
  readonly root: string;
  readonly facts: Omit<FactPorts, 'tree' | 'paths'>;
  readonly volumes: VolumeStore;
  readonly sha256: Sha256;
  readonly sha1: (bytes: Uint8Array) => Uint8Array;
  /** Ports that starts under way have chosen and that nothing listens on yet. */
  readonly claimed: Set<number>;
}

/** What is to be started. */
export interface Order {
  readonly request: Pick<AgentRun, 'accel' | 'otherUuids'>;
  readonly config: { readonly file: string; readonly text: string };
  readonly parsed: WellFormed;
  readonly folder: StateFolder;
  /** The one that ended by itself and was not cleared away yet. */
  readonly predecessor: VirtualMachine | undefined;
  /** The predecessor is no more. */
  readonly forget: () => void;
  /** Context ids of the vsocks of all other workloads, of starts under way too. */
  readonly contextIds: () => readonly number[];
  /** Takes one for this workload. */
  readonly claimContextId: (cid: number) => void;
  readonly tell: Tell;
  /** Aborted: the start is called off. */
  readonly signal: AbortSignal;
}

/** Milliseconds. QEMU opens its socket after some 50, in a machine that is itself emulated after seconds. */
const HANDSHAKE_TIMEOUT = 60_000;
const PID_LOOKS = 2500;
const PID_LOOK_EVERY = 2;
const KILL_LIMIT = 5000;
const END_PATIENCE = 1000;
const LAST_LINES = 20;

/** One start: the steps from a judged file to a running virtual machine. What a step finds out, later ones use. */
export class Start {
  readonly #order: Order;
  readonly #ports: StartPorts;
  #machine: Machine | undefined;
  #undoFetch: Undo | undefined;
  #launched: Launched | undefined;
  #vm: VirtualMachine | undefined;

  constructor(order: Order, ports: StartPorts) {
    this.#order = order;
    this.#ports = ports;
  }

  /** Rejects with the reason, and then nothing is left but output.log. */
  async run(): Promise<{ readonly vm: VirtualMachine; readonly argv: string[] }> {
    const { clock, say } = this.#ports;
    const { signal, tell } = this.#order;
    await runSteps(this.#steps(), { clock, say, signal, tell });
    this.#free();
    return { vm: sure(this.#vm), argv: qemuArgv(sure(this.#machine)) };
  }

  /** What would be started, if every file could be fetched. Changes nothing. */
  async dry(): Promise<string[]> {
    const facts = asIfFetched(await this.#gather(), this.#workload);
    this.#judge(facts);
    return qemuArgv(this.#decide(facts));
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
    this.#judge(asIfFetched(await this.#gather(), this.#workload));
    return `${this.#workload.name} can run here`;
  }

  /** What a virtual machine left that ended by itself: its ephemeral volumes were for that run (MH-17). */
  async #clear(): Promise<string | undefined> {
    const { folder, forget, predecessor } = this.#order;
    if (!predecessor) return undefined;
    await this.#ports.taps.remove(folder);
    const deleted = await this.#ports.volumes.release(predecessor.saved.machine.workload);
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
      progress: (volume, ...how) => {
        fetched.add(volume);
        progress(volume, ...how);
      },
    });
    return fetched.size === 0 ? 'every volume is there' : `fetched ${several(fetched.size, 'volume')}`;
  }

  /** All rules, with all facts. From here to the end of the start the console's port is ours. */
  async #check(): Promise<string> {
    const facts = await this.#gather();
    this.#judge(facts);
    this.#machine = this.#decide(facts);
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
    await folder.write('argv', `${qemuArgv(machine).join('\n')}\n`);
    await folder.write('workload', formatSaved(saved));
    this.#vm = new VirtualMachine(saved, folder, this.#ports);
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

  async #spawn(): Promise<string> {
    const { folder } = this.#order;
    this.#launched = await this.#ports.processes.launch(qemuArgv(sure(this.#machine)), folder);
    const pid = await this.#pid(this.#launched);
    sure(this.#vm).spawned(pid);
    return `pid ${pid}`;
  }

  /** The shell writes it first, QEMU after it, and QEMU removes it when it ends. */
  async #pid(launched: Launched): Promise<number> {
    for (let looks = 0; looks < PID_LOOKS; looks++) {
      const pid = Number(this.#order.folder.read('pid'));
      if (pid > 0) return pid;
      if (await within(this.#ports.clock, PID_LOOK_EVERY, launched.ended))
        throw this.#failed('QEMU ended at once');
    }
    throw this.#failed('the shell that starts QEMU did not tell its pid');
  }

  async #kill(): Promise<void> {
    if (!this.#launched) return;
    this.#vm?.release();
    this.#launched.kill();
    const isGone = await within(this.#ports.clock, KILL_LIMIT, this.#launched.ended);
    if (!isGone) throw new Error(`QEMU (pid ${this.#vm?.pid}) does not end, not even by SIGKILL`);
  }

  async #handshake(): Promise<string> {
    const calledOff = new AbortController();
    void sure(this.#launched).ended.then(() => calledOff.abort());
    await this.#quoted(sure(this.#vm).connect(HANDSHAKE_TIMEOUT, calledOff.signal));
    return 'QEMU answers';
  }

  async #boot(): Promise<string> {
    const vm = sure(this.#vm);
    const wanted = this.#workload.powerState ?? 'running';
    const { problem, state } = await this.#quoted(wanted === 'running' ? letGo(vm) : lookAt(vm));
    if (state !== wanted)
      throw this.#failed(
        problem ?? (wanted === 'running' ? 'its guest does not run' : 'its guest runs already'),
      );
    await this.#ports.volumes.taken(this.#workload);
    vm.runs();
    return wanted === 'running' ? 'the guest runs' : 'the guest waits for a resume';
  }

  /** When QEMU ends, that is seen in its connection first; what it said is the reason. */
  async #quoted<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (thrown) {
      const ended = await within(this.#ports.clock, END_PATIENCE, sure(this.#launched).ended);
      throw this.#failed(ended ? 'QEMU ended at once' : messageOf(thrown), thrown);
    }
  }

  #gather(): Promise<WorkloadFacts> {
    const { facts, tree, volumes } = this.#ports;
    const paths = (workload: Workload): ReturnType<Volumes['paths']> => volumes.paths(workload);
    return gatherWorkloadFacts({ ...facts, tree, paths }, this.#workload, this.#order.request);
  }

  #judge(facts: WorkloadFacts): void {
    const { parsed, request } = this.#order;
    const problems = judgeOnNode(parsed, this.#withClaims(facts), request.accel);
    if (problems.length > 0) throw workloadError(parsed.file, problems);
  }

  #decide(facts: WorkloadFacts): Machine {
    const { root, sha1, sha256 } = this.#ports;
    const { folder, request } = this.#order;
    const at = (path: string): string => join(root, path);
    return decideMachine(this.#workload, this.#withClaims(facts), {
      accel: request.accel,
      folder: folder.path,
      at,
      sha256,
      sha1,
    });
  }

  /** Of this very moment: between these facts and the claim of what they leave free nothing is waited for. */
  #withClaims(facts: WorkloadFacts): WorkloadFacts {
    const busyPorts = [...(facts.busyPorts ?? []), ...this.#ports.claimed];
    return { ...facts, busyPorts, vsockCids: this.#order.contextIds() };
  }

  /** With QEMU's own words. */
  #failed(what: string, cause?: unknown): PxenError {
    const words = new LogFile(this.#order.folder.at('log')).tail(LAST_LINES).text.toString('utf8').trim();
    const details = words === '' ? ['QEMU: said nothing'] : words.split('\n').map(line => `QEMU: ${line}`);
    return new PxenError('WORKLOAD_FAILED', `${this.#workload.name}: ${what}`, { details, cause });
  }
}

/** The guest runs, or QEMU says why not. */
async function letGo(vm: VirtualMachine): Promise<Life> {
  if (waitsForStart(await vm.askState())) await vm.execute('cont');
  return lookAt(vm);
}

async function lookAt(vm: VirtualMachine): Promise<Life> {
  return lifeOf(await vm.askState());
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

/** For output.log: all that the one who asked for the start was told. */
export function startFailure(thrown: unknown): string {
  const details = thrown instanceof PxenError ? thrown.details : [];
  const own = details.filter(line => !line.startsWith('QEMU: '));
  const code = thrown instanceof PxenError ? `${thrown.code}: ` : '';
  return [`${code}${messageOf(thrown)}`, ...own].map(line => `pxen: ${line}\n`).join('');
}
