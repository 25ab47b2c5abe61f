import type { ProcessLaunch } from '../../domain/vm/launch.ts';
import { readExit } from '../workload/ending.ts';
import { afterEvent } from '../workload/life.ts';
import type { Spawned } from '../workload/processes.ts';
import { delay, within } from '../workload/waiting.ts';
import type { Autopsy, Connecting, Control, Driver, Launched } from './driver.ts';
import type { Driven, DriverPorts } from './drivers.ts';
import { QmpControl } from './qmp-control.ts';

/** Milliseconds. */
const PID_LOOKS = 2500;
const PID_LOOK_EVERY = 2;
const KILL_LIMIT = 5000;
/** The shell writes how the engine ended right after its end. */
const EXIT_LOOKS = 50;
const EXIT_LOOK_EVERY = 20;

/** Runs a machine as a process of the agent's own that speaks QMP. */
export class ProcessDriver implements Driver {
  readonly #launch: ProcessLaunch;
  readonly #driven: Driven;
  readonly #ports: DriverPorts;

  constructor(launch: ProcessLaunch, driven: Driven, ports: DriverPorts) {
    this.#launch = launch;
    this.#driven = driven;
    this.#ports = ports;
  }

  async launch(): Promise<Launched> {
    const { clock, processes } = this.#ports;
    const spawned = await processes.launch(this.#launch, this.#driven.folder);
    try {
      return { ...spawned, pid: await this.#pid(spawned) };
    } catch (thrown) {
      spawned.kill();
      await within(clock, KILL_LIMIT, spawned.ended);
      throw thrown;
    }
  }

  async connect({ onChange, signal, timeout }: Connecting): Promise<Control> {
    const { called, folder } = this.#driven;
    const monitor = await this.#ports.connect(folder.at('qmp'), {
      called,
      timeout,
      signal,
      onEvent: event => onChange(life => afterEvent(life, event, called)),
    });
    return new QmpControl(monitor, called, this.#launch.qmp, this.#ports.clock);
  }

  async autopsy(): Promise<Autopsy> {
    for (let looks = 0; looks < EXIT_LOOKS; looks++) {
      const { status } = readExit(this.#driven.folder.read('exit'));
      if (status !== undefined) return { status };
      await delay(this.#ports.clock, EXIT_LOOK_EVERY);
    }
    return {};
  }

  /** All that there is of it lies in the state folder. */
  async forget(): Promise<void> {}

  /** The shell writes it first; QEMU writes it again, and removes it when it ends. */
  async #pid({ ended }: Spawned): Promise<number> {
    const { called, folder } = this.#driven;
    for (let looks = 0; looks < PID_LOOKS; looks++) {
      const pid = Number(folder.read('pid'));
      if (pid > 0) return pid;
      if (await within(this.#ports.clock, PID_LOOK_EVERY, ended)) throw new Error(`${called} ended at once`);
    }
    throw new Error(`the shell that starts ${called} did not tell its pid`);
  }
}
