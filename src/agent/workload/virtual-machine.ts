import { messageOf, PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import type { Ending, WorkloadState, WorkloadStatus } from '../../domain/workload/status.ts';
import type { QmpEvent } from '../../wire/qmp/message.ts';
import type { Tree } from '../tree.ts';
import type { Volumes } from '../volume/volumes.ts';
import { removeConsoleSockets } from './consoles.ts';
import { decideEnding, formatEnding, readExit } from './ending.ts';
import type { StateFolder } from './folder.ts';
import { afterEvent, type Life, lifeOf } from './life.ts';
import { LogFile } from './logfile.ts';
import { UsageMeter } from './meter.ts';
import type { Processes } from './processes.ts';
import type { Saved } from './saved.ts';
import { statusOf } from './status.ts';
import { type Taps, tapsOf } from './taps.ts';
import { delay } from './waiting.ts';

/** A connection to QEMU's machine protocol, ready for commands. */
export interface Monitor {
  /** Rejects with WORKLOAD_FAILED and what QEMU said. Milliseconds. */
  execute(command: string, args?: object, timeout?: number): Promise<unknown>;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  close(): void;
}

/** Greeting and capabilities are done when it resolves. */
export type ConnectMonitor = (
  path: string,
  options: {
    /** Milliseconds, for the socket to appear and for the greeting. */
    readonly timeout: number;
    readonly onEvent: (event: QmpEvent) => void;
    /** Aborted: it gives up. */
    readonly signal?: AbortSignal | undefined;
  },
) => Promise<Monitor>;

export interface MachinePorts {
  readonly clock: Clock;
  readonly tree: Tree;
  readonly processes: Processes;
  readonly connect: ConnectMonitor;
  readonly taps: Taps;
  readonly volumes: Pick<Volumes, 'sizes'>;
  /** One plain line. */
  readonly say: (line: string) => void;
  /** Its status is another one now. */
  readonly changed: () => void;
}

/** Milliseconds. QEMU answers within one, unless it hangs or the node has too much to do. */
const ANSWER_TIMEOUT = 2000;
/** The connection ends a moment before the process. */
const DEATH_LOOKS = 40;
const DEATH_LOOK_EVERY = 50;
/** The shell writes how QEMU ended right after its end. */
const EXIT_LOOKS = 50;
const EXIT_LOOK_EVERY = 20;
/** What is told of output.log when it ends. */
const LAST_LINES = 20;

/** One virtual machine that was started: what it does, and at last how it ended. */
export class VirtualMachine {
  readonly saved: Saved;
  readonly folder: StateFolder;
  readonly output: LogFile;
  readonly serial: LogFile;
  /** Resolves when its process is gone and its interfaces are too. */
  readonly gone: Promise<void>;
  readonly #ports: MachinePorts;
  readonly #meter: UsageMeter;
  readonly #isGone: () => void;
  /** Why its resolved.json cannot be read. */
  readonly #damage: string | undefined;
  #state: WorkloadState = 'starting';
  #since: number;
  #pid: number | undefined;
  #monitor: Monitor | undefined;
  #life: Life = { state: 'running' };
  /** What keeps the agent from knowing or doing what it should. */
  #trouble: string | undefined;
  /** How its process ended; nobody asks for it while a stop is under way. */
  #ending: Ending | undefined;
  #finishing: Promise<void> | undefined;
  #sizes: ReadonlyMap<number, number> = new Map();

  constructor(saved: Saved, folder: StateFolder, ports: MachinePorts, damage?: string) {
    this.saved = saved;
    this.folder = folder;
    this.#ports = ports;
    this.#damage = damage;
    this.#since = saved.startedAt;
    this.#meter = new UsageMeter(ports);
    this.output = new LogFile(folder.at('log'));
    this.serial = new LogFile(folder.at('serialLog'));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.gone = promise;
    this.#isGone = resolve;
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
      sizes: this.#sizes,
      end: this.end,
      problem: this.#damage ?? this.#trouble ?? this.#life.problem,
    });
  }

  spawned(pid: number): void {
    this.#pid = pid;
  }

  /** An earlier agent started it. What it does now is asked when there is a connection. */
  found(pid: number): void {
    this.#pid = pid;
    this.#state = 'running';
  }

  /** An earlier agent started it, and it is dead. `since` is when that was, as far as it is known. */
  foundDead(since: number, cutOff: boolean): void {
    const { ending, status } = readExit(this.folder.read('exit'));
    this.#ending = ending ?? decideEnding({ cutOff, status, output: this.#lastLines() });
    this.#state = 'ended';
    this.#since = since;
    this.#isGone();
  }

  /** A stop that could not clear everything away leaves it as one that ended. */
  staysEnded(): void {
    this.#enter('ended');
  }

  /** Connects with QEMU and takes over the state that it tells. */
  async connect(timeout: number, signal?: AbortSignal): Promise<void> {
    const monitor = await this.#ports.connect(this.folder.at('qmp'), {
      timeout,
      signal,
      onEvent: event => this.#live(afterEvent(this.#life, event)),
    });
    this.#monitor = monitor;
    void monitor.closed.then(() => this.#disconnected(monitor));
    await this.askState();
  }

  /** The answer to `query-status`. */
  async askState(): Promise<unknown> {
    const answer = await this.execute('query-status');
    this.#live({ ...this.#life, ...lifeOf(answer) });
    return answer;
  }

  async execute(command: string, timeout = ANSWER_TIMEOUT): Promise<unknown> {
    if (!this.#monitor) throw new PxenError('WORKLOAD_FAILED', `${this.name}: QEMU does not answer`);
    return this.#monitor.execute(command, undefined, timeout);
  }

  /** After its start, or after a stop that did not come about: what QEMU says is its state again. */
  runs(): void {
    this.#enter(this.#life.state);
  }

  stops(): void {
    this.#enter('stopping');
  }

  isAlive(): boolean {
    return this.#pid !== undefined && this.#ports.processes.isQemu(this.#pid, this.folder.at('qmp'));
  }

  kill(): void {
    if (this.#pid !== undefined && this.isAlive()) this.#ports.processes.kill(this.#pid);
  }

  /** Lets go of QEMU, which goes on. */
  release(): void {
    const monitor = this.#monitor;
    this.#monitor = undefined;
    monitor?.close();
  }

  /** To be called now and then: what QEMU does not tell is seen here. Never rejects. */
  async lookAfter(): Promise<void> {
    try {
      for (const log of [this.output, this.serial]) log.shorten();
      if (this.#ending || this.#state === 'starting') return;
      if (!this.isAlive()) await this.finish();
      else if (!this.#monitor) await this.#reconnect();
    } catch (thrown) {
      this.#ports.say(`${this.name}: ${messageOf(thrown)}`);
    }
  }

  /** Looks at what it uses, unless that was done a moment ago. Never rejects. */
  async refresh(): Promise<void> {
    if (this.#pid === undefined || this.#ending) return;
    const { machine } = this.saved;
    const taps = tapsOf(machine).map(tap => tap.name);
    const blockStats = (): Promise<unknown> => this.#answerTo('query-blockstats');
    await this.#meter.measure({ pid: this.#pid, taps, blockStats });
    this.#sizes = await this.#ports.volumes.sizes(machine.workload).catch(() => new Map<number, number>());
  }

  /** Its process is gone: finds out why, and takes its interfaces away. Never rejects. */
  finish(): Promise<void> {
    this.#finishing ??= this.#finish();
    return this.#finishing;
  }

  async #finish(): Promise<void> {
    this.release();
    const status = await this.#exitStatus();
    this.#ending = decideEnding({ shutdown: this.#life.shutdown, status, output: this.#lastLines() });
    try {
      // For a later agent, which has not seen what this one saw.
      await this.folder.write('exit', formatEnding(this.#ending));
      await this.#ports.taps.remove(this.folder);
      await removeConsoleSockets(this.saved.machine);
    } catch (thrown) {
      this.#troubled(messageOf(thrown));
    }
    if (this.#state !== 'stopping') {
      this.#ports.say(`${this.name} ended: ${this.#ending.reason}`);
      this.#enter('ended');
    }
    this.#isGone();
  }

  async #exitStatus(): Promise<number | undefined> {
    for (let looks = 0; looks < EXIT_LOOKS; looks++) {
      const { status } = readExit(this.folder.read('exit'));
      if (status !== undefined) return status;
      await delay(this.#ports.clock, EXIT_LOOK_EVERY);
    }
    return undefined;
  }

  #lastLines(): string {
    return this.output.tail(LAST_LINES).text.toString('utf8');
  }

  async #disconnected(monitor: Monitor): Promise<void> {
    if (this.#monitor !== monitor) return;
    this.#monitor = undefined;
    // A start notices by itself, and takes everything back.
    if (this.#state === 'starting') return;
    for (let looks = 0; looks < DEATH_LOOKS && this.isAlive(); looks++)
      await delay(this.#ports.clock, DEATH_LOOK_EVERY);
    if (!this.isAlive()) await this.finish();
    else if (!this.#monitor) this.#troubled('the connection to QEMU broke off');
  }

  async #reconnect(): Promise<void> {
    try {
      await this.connect(ANSWER_TIMEOUT);
      this.#troubled(undefined);
    } catch (thrown) {
      this.#troubled(`QEMU does not answer: ${messageOf(thrown)}`);
    }
  }

  /** Undefined when QEMU gives no answer, which then shows in the status. */
  async #answerTo(command: string): Promise<unknown> {
    if (!this.#monitor) return undefined;
    try {
      const answer = await this.execute(command);
      this.#troubled(undefined);
      return answer;
    } catch (thrown) {
      if (this.#monitor) this.#troubled(`QEMU does not answer: ${messageOf(thrown)}`);
      return undefined;
    }
  }

  #troubled(trouble: string | undefined): void {
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#ports.changed();
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
