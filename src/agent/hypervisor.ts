import { messageOf } from '../base/error.ts';
import type { Engine } from '../domain/vm/capabilities.ts';
import { installedEngines } from '../domain/vm/launches.ts';
import type { WorkloadStatus } from '../domain/workload/status.ts';
import { systemClock } from '../io/clock.ts';
import { exec } from '../io/exec.ts';
import { sha1 } from '../io/sha1.ts';
import { sha256 } from '../io/sha256.ts';
import { AgentApi } from './api/server.ts';
import { Devices } from './device/devices.ts';
import { isOnPath } from './facts/programs.ts';
import type { Probe } from './probe.ts';
import type { Tree } from './tree.ts';
import { QmpMonitor } from './vm/monitor.ts';
import { Volumes } from './volume/volumes.ts';
import { cpuModelsOf } from './workload/cpu-models.ts';
import { nodeProcesses } from './workload/processes.ts';
import { Taps } from './workload/taps.ts';
import { Workloads } from './workload/workloads.ts';

export interface HypervisorPorts {
  /** `/` on a node. */
  readonly root: string;
  readonly tree: Tree;
  readonly probe: Probe;
  /** The agent ends. */
  readonly signal: AbortSignal;
  /** There is news for host0. */
  readonly changed: () => void;
  /** One plain line. */
  readonly say: (line: string) => void;
}

/** All that runs virtual machines on this node, put together: workloads, and the socket on which host0 commands them. */
export class Hypervisor {
  readonly #workloads: Workloads;
  readonly #api: AgentApi;
  readonly #cpuModels: () => Promise<unknown>;
  readonly #say: (line: string) => void;

  constructor({ changed, probe, root, say, signal, tree }: HypervisorPorts) {
    const clock = systemClock;
    const cpuModels = cpuModelsOf(exec, signal, say);
    this.#cpuModels = cpuModels;
    this.#say = say;
    this.#workloads = new Workloads({
      root,
      tree,
      clock,
      processes: nodeProcesses,
      exec,
      connect: (path, options) => QmpMonitor.connect(path, options),
      taps: new Taps({ tree, exec, sha256 }),
      volumes: new Volumes({ root, clock, say }),
      devices: new Devices({ root, tree, exec, say }),
      facts: { cpuModels, kvm: () => probe.kvm(), hasProgram: isOnPath },
      claimed: new Set(),
      sha256,
      sha1,
      say,
      changed,
    });
    this.#api = new AgentApi({ root, tree, workloads: this.#workloads, clock, say });
  }

  /** What an earlier agent started is known when it returns. */
  start(): void {
    this.#workloads.start();
    this.#api.start().catch(thrown => this.#say(`workloads cannot be commanded: ${messageOf(thrown)}`));
  }

  /** Whoever waits for a command that is called off now still hears so. The virtual machines go on. */
  async stop(): Promise<void> {
    await this.#workloads.stop();
    await this.#api.stop();
  }

  statuses(): WorkloadStatus[] {
    return this.#workloads.statuses();
  }

  /** What workloads can run with on this node, as it is right now. */
  engines(): Engine[] {
    return installedEngines(isOnPath);
  }

  /** Finds out what takes a while, so that the first start need not wait for it. */
  warmUp(): void {
    void this.#cpuModels();
  }
}
