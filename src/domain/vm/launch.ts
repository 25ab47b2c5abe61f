import type { VirshLaunch } from './libvirt/launch.ts';
import type { Machine } from './machine.ts';
import type { STATE_FILES } from './statefiles.ts';
import type { Swap } from './swap.ts';

/** What an agent has to know of an engine to run machines on it: as data, so that no agent needs its name. */
export interface Launcher {
  /** As sentences call it: `QEMU ended at once`. */
  readonly called: string;
  /** A node can run it when it has all of these programs. */
  readonly programs: readonly string[];
  /** How the process of a machine is known among all those of the node. Also of one whose file is lost. */
  readonly mark: (machine: Pick<Machine, 'folder' | 'rfcUuid'>) => ProcessMark;
  /** Decides how a machine is run. Changes nothing. */
  readonly launch: (machine: Machine) => Launch;
  /** How a running machine gets another file for a volume; a string says why not. Absent: volumes of this engine stay. */
  readonly swap?: ((before: Machine, after: Machine, volume: number) => Swap | string) | undefined;
  /** What it complains of in its output, in one sentence, with the key at fault where that can be told. */
  readonly complaint?: ((output: string, argv: readonly string[]) => string | undefined) | undefined;
}

export interface ProcessMark {
  /** Part of the first word of the command line: pids are given anew, to shells and editors too. */
  readonly program: string;
  /** Part of another word of it, which no other machine has. */
  readonly word: string;
}

/** How one machine is run; `by` says who does it, see agent/vm/drivers.ts. */
export type Launch = ProcessLaunch | VirshLaunch;

/** What there is to know, whoever does it. */
export interface CommonLaunch {
  /** What people are shown: the result of a dry run, and the file `argv`. */
  readonly argv: readonly string[];
  /** What lies in the state folder before the start, by its content. */
  readonly files?: Readonly<Partial<Record<keyof typeof STATE_FILES, string>>> | undefined;
  /** Whether the guest can be asked to shut down, or why not, as it ends a sentence. */
  readonly powerButton: true | string;
  /**
   * The serial port of the guest. `served`: by the engine, where the console of the machine says, and `serial.log` has
   * all of it. `stdio`: it is the standard input and output of the process, and the agent serves it.
   */
  readonly serial: 'served' | 'stdio';
}

/** The agent starts `argv` as a process, which serves QMP on the socket `qmp` of the state folder. */
export interface ProcessLaunch extends CommonLaunch {
  readonly by: 'process';
  readonly qmp: {
    /** A command may be sent before the one before it was answered. */
    readonly pipelining: boolean;
    /** It knows `query-blockstats`. */
    readonly blockStats: boolean;
  };
}
