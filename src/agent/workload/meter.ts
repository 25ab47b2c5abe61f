import type { Clock } from '../../base/ports.ts';
import type { Usage } from '../../domain/workload/status.ts';
import type { Tree } from '../tree.ts';
import type { Processes } from './processes.ts';
import { cpuPercent, type Look, parseProcessStat, sumBlockStats, sumTaps } from './usage.ts';

export interface MeterPorts {
  readonly clock: Clock;
  readonly tree: Tree;
  readonly processes: Processes;
}

/** What to look at. */
export interface Metered {
  readonly pid: number;
  readonly taps: readonly string[];
  /** The answer to `query-blockstats`; undefined when QEMU gives none. */
  readonly blockStats: () => Promise<unknown>;
}

/** Figures that are younger than this are not gathered again. */
const FRESH = 1000;

/** What one virtual machine uses, looked at from outside. */
export class UsageMeter {
  readonly #ports: MeterPorts;
  #look: Look | undefined;
  #usage: Usage | undefined;

  constructor(ports: MeterPorts) {
    this.#ports = ports;
  }

  /** As it was seen last. */
  get usage(): Usage | undefined {
    return this.#usage;
  }

  /** Looks again, unless that was done a moment ago. */
  async measure({ blockStats, pid, taps }: Metered): Promise<void> {
    const { clock, processes, tree } = this.#ports;
    const at = clock.elapsed();
    if (this.#look && at - this.#look.at < FRESH) return;
    const process = parseProcessStat(processes.stat(pid) ?? '');
    if (!process) return;
    const now = { at, cpuSeconds: process.cpuSeconds };
    const percent = cpuPercent(this.#look, now);
    this.#look = now;
    const drives = await blockStats();
    this.#usage = {
      ...process,
      cpuPercent: percent,
      ...(drives === undefined ? {} : sumBlockStats(drives)),
      ...sumTaps(taps, (tap, counter) => tree.text(`/sys/class/net/${tap}/statistics/${counter}`)),
    };
  }
}
