import { messageOf } from '../../base/error.ts';
import type { Launch, ProcessMark } from '../../domain/vm/launch.ts';
import { launcherOf } from '../../domain/vm/launches.ts';
import { statusOf } from '../../domain/vm/status.ts';
import type { Ending, WorkloadState, WorkloadStatus } from '../../domain/workload/status.ts';
import type { Devices } from '../device/devices.ts';
import type { Tree } from '../tree.ts';
import type { Control, Driver, Launched } from '../vm/driver.ts';
import { type DriverPorts, driverOf } from '../vm/drivers.ts';
import { GuestAgent } from '../vm/guest-agent.ts';
import { GuestChannel } from '../vm/guest-channel.ts';
import type { Volumes } from '../volume/volumes.ts';
import { removeConsoleSockets, serialPortOf } from './consoles.ts';
import { decideEnding, formatEnding, readExit } from './ending.ts';
import { EngineLink } from './engine-link.ts';
import type { StateFolder } from './folder.ts';
import type { Life } from './life.ts';
import { LogFile } from './logfile.ts';
import { UsageMeter } from './meter.ts';
import type { Saved } from './saved.ts';
import type { SerialPort } from './serial-port.ts';
import { type Taps, tapsOf } from './taps.ts';
import { delay } from './waiting.ts';

export interface MachinePorts extends DriverPorts {
  readonly tree: Tree;
  readonly taps: Taps;
  readonly devices: Pick<Devices, 'giveBack'>;
  readonly volumes: Pick<Volumes, 'sizes'>;
  /** One plain line. */
  readonly say: (line: string) => void;
  /** Its status is another one now. */
  readonly changed: () => void;
}

/** Milliseconds for an engine that is up already. */
const CONNECT_TIMEOUT = 2000;
/** The connection ends a moment before the process. */
const DEATH_LOOKS = 40;
const DEATH_LOOK_EVERY = 50;
/** What is told of output.log when it ends. */
const LAST_LINES = 20;

/** One virtual machine that was started: what it does, and at last how it ended. */
export class VirtualMachine {
  readonly folder: StateFolder;
  readonly output: LogFile;
  readonly serial: LogFile;
  /** Resolves when its process is gone and its interfaces are too. */
  readonly gone: Promise<void>;
  /** Its engine, as sentences call it. */
  readonly called: string;
  readonly launch: Launch;
  /** Of one with `runtime.qga`. */
  readonly guest: GuestAgent | undefined;
  readonly #mark: ProcessMark;
  readonly #driver: Driver;
  readonly #link: EngineLink;
  readonly #serialPort: SerialPort | undefined;
  readonly #ports: MachinePorts;
  readonly #meter: UsageMeter;
  readonly #isGone: () => void;
  #saved: Saved;
  /** Why its resolved.json cannot be read. */
  readonly #damage: string | undefined;
  #state: WorkloadState = 'starting';
  #since: number;
  #pid: number | undefined;
  #life: Life = { state: 'running' };
  /** How its process ended; nobody asks for it while a stop is under way. */
  #ending: Ending | undefined;
  #finishing: Promise<void> | undefined;
  #sizes: ReadonlyMap<number, number> = new Map();
  #guestMemory: number | undefined;
  /** What a change that failed has left behind, in one sentence. */
  #left: string | undefined;

  constructor(saved: Saved, folder: StateFolder, ports: MachinePorts, damage?: string) {
    this.#saved = saved;
    this.folder = folder;
    this.#ports = ports;
    this.#damage = damage;
    this.#since = saved.startedAt;
    this.#meter = new UsageMeter(ports);
    this.output = new LogFile(folder.at('log'));
    this.serial = new LogFile(folder.at('serialLog'));
    const launcher = launcherOf(saved.machine.workload.engine);
    this.called = launcher.called;
    this.launch = launcher.launch(saved.machine);
    this.#mark = launcher.mark(saved.machine);
    this.#driver = driverOf(this.launch, { called: this.called, folder }, ports);
    this.#link = this.#linkWith(this.#driver);
    const { clock } = ports;
    this.#serialPort = serialPortOf(saved.machine, this.launch, { clock, folder, said: this.serial });
    this.guest = saved.machine.workload.qga ? this.#guestAgent() : undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.gone = promise;
    this.#isGone = resolve;
  }

  /** What it was started as, with all that was changed since. */
  get saved(): Saved {
    return this.#saved;
  }

  /** It has other volumes now. */
  becomes(saved: Saved): void {
    this.#saved = saved;
    this.#sizes = new Map();
    this.#ports.changed();
  }

  /** A change has left it other than it is said to be; undefined: the next one went well. */
  left(what: string | undefined): void {
    this.#left = what;
    this.#ports.changed();
  }

  get name(): string {
    return this.saved.machine.workload.name;
  }

  get state(): WorkloadState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  /** Of one that ended by itself. */
  get end(): Ending | undefined {
    return this.#state === 'ended' ? this.#ending : undefined;
  }

  status(): WorkloadStatus {
    return statusOf(this.saved.machine, {
      state: this.#state,
      since: this.#since,
      pid: this.#ending ? undefined : this.#pid,
      usage: this.#ending ? undefined : this.#meter.usage,
      guest: this.#ending ? undefined : this.guest?.status,
      guestMemory: this.#ending ? undefined : this.#guestMemory,
      sizes: this.#sizes,
      end: this.end,
      problem:
        this.#damage ?? this.#link.trouble ?? this.#serialPort?.trouble ?? this.#life.problem ?? this.#left,
    });
  }

  /** Starts its process. Rejects with one sentence, and then there is none. */
  async spawn(): Promise<Launched> {
    const launched = await this.#driver.launch();
    this.#pid = launched.pid;
    return launched;
  }

  /** What of this output its engine complains of, in one sentence. */
  complaint(output: string): string | undefined {
    const { engine } = this.saved.machine.workload;
    return launcherOf(engine).complaint?.(output, this.launch.argv);
  }

  /** An earlier agent started it. What it does now is asked when there is a connection. */
  found(pid: number): void {
    this.#pid = pid;
    this.#state = 'running';
  }

  /** An earlier agent started it, and it is dead. `since` is when that was, as far as it is known. */
  foundDead(since: number, cutOff: boolean): void {
    const { called } = this;
    const { ending, status } = readExit(this.folder.read('exit'));
    this.#ending = ending ?? decideEnding({ called, cutOff, status, output: this.#lastLines() });
    this.#state = 'ended';
    this.#since = since;
    this.#isGone();
  }

  /** A stop that could not clear everything away leaves it as one that ended. */
  staysEnded(): void {
    this.#enter('ended');
  }

  /** Connects with its engine and takes over the state that it tells. */
  async connect(timeout: number, signal?: AbortSignal): Promise<void> {
    await this.#link.open(timeout, signal);
    await this.look();
  }

  /** What of its serial port the agent has to serve. Rejects with PORT_IN_USE or WORKLOAD_FAILED. */
  async serveSerial(): Promise<void> {
    if (!this.#finishing) await this.#serialPort?.open();
  }

  /** What it does now, as its engine says it. */
  async look(): Promise<Life> {
    const life = await this.control().look();
    const { problem, shutdown } = this.#life;
    this.#live({ state: life.state, problem: life.problem ?? problem, shutdown });
    return life;
  }

  /** What its guest has now, bytes. For one with a balloon. */
  async measureGuest(): Promise<number> {
    this.#guestMemory = await this.control().guestMemory();
    return this.#guestMemory;
  }

  /** For commands. Throws WORKLOAD_FAILED without a connection. */
  control(): Control {
    return this.#link.control();
  }

  /** After its start, or after a stop that did not come about: what its engine says is its state again. */
  runs(): void {
    this.#enter(this.#life.state);
  }

  stops(): void {
    this.#enter('stopping');
  }

  isAlive(): boolean {
    return this.#pid !== undefined && this.#ports.processes.bears(this.#pid, this.#mark);
  }

  kill(): void {
    if (this.#pid !== undefined && this.isAlive()) this.#ports.processes.kill(this.#pid);
  }

  /** Lets go of its engine, which goes on. */
  release(): void {
    this.#link.close();
    this.#serialPort?.close();
    this.guest?.close();
  }

  /** Clears away what its engine keeps of it; its process is gone. */
  forget(): Promise<void> {
    return this.#driver.forget();
  }

  /** To be called now and then: what its engine does not tell is seen here. Never rejects. */
  async lookAfter(): Promise<void> {
    try {
      for (const log of [this.output, this.serial]) log.shorten();
      if (this.#ending || this.#state === 'starting') return;
      if (!this.isAlive()) return await this.finish();
      await this.reconnect();
      await this.serveSerial().catch(() => {}); // It shows in the status.
      // What it told last still is so while it is paused.
      if (this.#state === 'running') this.guest?.look();
    } catch (thrown) {
      this.#ports.say(`${this.name}: ${messageOf(thrown)}`);
    }
  }

  /** Where the connection with its engine broke off. Never rejects: what keeps it from coming back shows in the status. */
  async reconnect(): Promise<void> {
    if (!this.#link.isOpen) await this.#link.attempt(() => this.connect(CONNECT_TIMEOUT));
  }

  /** Looks at what it uses, unless that was done a moment ago. Never rejects. */
  async refresh(): Promise<void> {
    if (this.#pid === undefined || this.#ending) return;
    const { machine } = this.saved;
    const taps = tapsOf(machine).map(tap => tap.name);
    const blockStats = (): Promise<unknown> => this.#link.ask(control => control.blockStats());
    await this.#meter.measure({ pid: this.#pid, taps, blockStats });
    if (machine.workload.balloon) this.#guestMemory = await this.#askBalloon();
    this.#sizes = await this.#ports.volumes.sizes(machine.workload).catch(() => new Map<number, number>());
  }

  /** An engine that refuses it while the guest boots is in no trouble. */
  #askBalloon(): Promise<number | undefined> {
    return this.#link.ask(control => control.guestMemory().catch(() => undefined));
  }

  /** Its process is gone: finds out why, and takes its interfaces away. Never rejects. */
  finish(): Promise<void> {
    this.#finishing ??= this.#finish();
    return this.#finishing;
  }

  async #finish(): Promise<void> {
    this.release();
    const { called } = this;
    const seen = await this.#driver.autopsy();
    this.#ending = decideEnding({
      called,
      shutdown: this.#life.shutdown,
      ...seen,
      output: this.#lastLines(),
    });
    try {
      // For a later agent, which has not seen what this one saw.
      await this.folder.write('exit', formatEnding(this.#ending));
      await this.#ports.taps.remove(this.folder);
      await this.#ports.devices.giveBack(this.folder);
      await removeConsoleSockets(this.saved.machine);
      await this.forget();
    } catch (thrown) {
      this.#link.troubled(messageOf(thrown));
    }
    if (this.#state !== 'stopping') {
      this.#ports.say(`${this.name} ended: ${this.#ending.reason}`);
      this.#enter('ended');
    }
    this.#isGone();
  }

  #lastLines(): string {
    return this.output.tail(LAST_LINES).text.toString('utf8');
  }

  #guestAgent(): GuestAgent {
    const { changed, clock } = this.#ports;
    const { folder, name } = this;
    const commands = this.#driver.guest?.() ?? new GuestChannel({ name, path: folder.at('qga'), clock });
    return new GuestAgent({ name, commands, clock, changed });
  }

  #linkWith(driver: Driver): EngineLink {
    return new EngineLink({
      driver,
      name: this.name,
      called: this.called,
      onChange: change => this.#live(change(this.#life)),
      onLost: () => void this.#disconnected(),
      onTrouble: this.#ports.changed,
    });
  }

  async #disconnected(): Promise<void> {
    // A start notices by itself, and takes everything back.
    if (this.#state === 'starting') return;
    for (let looks = 0; looks < DEATH_LOOKS && this.isAlive(); looks++)
      await delay(this.#ports.clock, DEATH_LOOK_EVERY);
    if (!this.isAlive()) await this.finish();
    else if (!this.#link.isOpen) this.#link.troubled(`the connection to ${this.called} broke off`);
  }

  #live(life: Life): void {
    const before = this.#life;
    this.#life = life;
    if (this.#state === 'running' || this.#state === 'paused') this.#enter(life.state);
    if (life.problem !== before.problem) this.#ports.changed();
  }

  #enter(state: WorkloadState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#since = this.#ports.clock.now();
    this.#ports.changed();
  }
}
