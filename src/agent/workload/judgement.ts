import { join } from 'node:path';
import type { AgentRun } from '../../api/agent.ts';
import type { Sha256 } from '../../domain/machine/genid.ts';
import { assigned } from '../../domain/vm/equipment.ts';
import { decideMachine, type Machine } from '../../domain/vm/machine.ts';
import type { WorkloadFacts } from '../../domain/workload/facts.ts';
import { judgeOnNode, type WellFormed } from '../../domain/workload/judge.ts';
import { workloadError } from '../../domain/workload/problem.ts';
import type { Workload } from '../../domain/workload/workload.ts';
import type { Devices } from '../device/devices.ts';
import type { Tree } from '../tree.ts';
import type { Volumes } from '../volume/volumes.ts';
import { asIfFetched, type FactPorts, gatherWorkloadFacts } from './facts.ts';
import type { StateFolder } from './folder.ts';

/** What is to be judged. */
export interface Case {
  readonly request: Pick<AgentRun, 'accel' | 'otherUuids' | 'devices'>;
  readonly parsed: WellFormed;
  readonly folder: StateFolder;
  /** Context ids of the vsocks of all other workloads, of starts under way too. */
  readonly contextIds: () => readonly number[];
}

export interface JudgementPorts {
  readonly root: string;
  readonly tree: Tree;
  readonly facts: Omit<FactPorts, 'tree' | 'paths'>;
  readonly volumes: Pick<Volumes, 'paths'>;
  readonly devices: Pick<Devices, 'refuse'>;
  readonly sha256: Sha256;
  readonly sha1: (bytes: Uint8Array) => Uint8Array;
  /** Ports that starts under way have chosen and that nothing listens on yet. */
  readonly claimed: ReadonlySet<number>;
}

/** Whether a workload can be started here, and as what: by what is known of the node at that moment. Changes nothing. */
export class Judgement {
  readonly #case: Case;
  readonly #ports: JudgementPorts;

  constructor(of: Case, ports: JudgementPorts) {
    this.#case = of;
    this.#ports = ports;
  }

  /** All that there is to know, as it is right now. */
  facts(): Promise<WorkloadFacts> {
    const { facts, tree, volumes } = this.#ports;
    const paths = (workload: Workload): ReturnType<Volumes['paths']> => volumes.paths(workload);
    return gatherWorkloadFacts({ ...facts, tree, paths }, this.#workload, this.#case.request);
  }

  /** What it would be if every file could be fetched. Throws with every problem that no fetching cures. */
  async chance(): Promise<Machine> {
    const workload = this.#workload;
    const facts = asIfFetched(await this.facts(), workload);
    const machine = this.decide(facts);
    const { name, uuid } = workload;
    this.#ports.devices.refuse(name, uuid, assigned(machine.devices));
    return machine;
  }

  /** By all rules. Throws with every problem. Waits for nothing, so that the caller can claim what it leaves free. */
  decide(facts: WorkloadFacts): Machine {
    this.#judge(facts);
    return this.#machine(facts);
  }

  get #workload(): Workload {
    return this.#case.parsed.workload;
  }

  #judge(facts: WorkloadFacts): void {
    const { parsed, request } = this.#case;
    const problems = judgeOnNode(parsed, this.#withClaims(facts), request.accel);
    if (problems.length > 0) throw workloadError(parsed.file, problems);
  }

  #machine(facts: WorkloadFacts): Machine {
    const { root, sha1, sha256 } = this.#ports;
    const { folder, request } = this.#case;
    const at = (path: string): string => join(root, path);
    return decideMachine(this.#workload, this.#withClaims(facts), {
      accel: request.accel,
      folder: folder.path,
      at,
      sha256,
      sha1,
    });
  }

  /** Of this very moment. */
  #withClaims(facts: WorkloadFacts): WorkloadFacts {
    const busyPorts = [...(facts.busyPorts ?? []), ...this.#ports.claimed];
    return { ...facts, busyPorts, vsockCids: this.#case.contextIds() };
  }
}
