import type { WorkloadLine, WorkloadRun, WorkloadView } from '../../../../src/api/workloads.ts';
import type { MachineId } from '../../../../src/domain/machine/genid.ts';
import type { Host } from '../../../../src/domain/workload/host.ts';
import type { WorkloadFile } from '../../../../src/domain/workload/record.ts';
import { sha256 } from '../../../../src/io/sha256.ts';
import { Placement } from '../../../../src/service/placement/placement.ts';
import { Workloads } from '../../../../src/service/workload/workloads.ts';
import { FakeAgents } from '../../../fakes/agents.ts';
import { ManualClock } from '../../../fakes/clock.ts';
import {
  ALPHA_HOST,
  BETA_HOST,
  fileOf,
  MemoryFiles,
  MemoryWorkloads,
} from '../../../fakes/host-workloads.ts';
import { RecordingLog } from '../../../fakes/log.ts';
import { MemoryHosts, MemoryRules } from '../../../fakes/placement.ts';
import { FakeFolders } from '../../../fakes/watching.ts';

interface Setting {
  readonly files?: readonly WorkloadFile[];
  readonly hosts?: readonly Host[];
  readonly store?: MemoryWorkloads;
  /** hardware.conf */
  readonly rules?: string;
}

/** The workload service with fake agents, files and a store in memory; reports come when a test says so. */
export class TestAppliance {
  readonly clock = new ManualClock();
  /** Of the looks at the rules, which go on for ever. */
  readonly sweeps = new ManualClock();
  readonly log = new RecordingLog();
  readonly store: MemoryWorkloads;
  readonly files: MemoryFiles;
  readonly agents: FakeAgents;
  readonly rules: MemoryRules;
  readonly table = new MemoryHosts();
  readonly folders = new FakeFolders();
  workloads: Workloads;
  placement: Placement;
  #hosts: Host[];

  constructor({ files = [fileOf('web')], hosts = [ALPHA_HOST, BETA_HOST], store, rules }: Setting = {}) {
    this.rules = new MemoryRules(rules);
    this.store = store ?? new MemoryWorkloads();
    this.files = new MemoryFiles(...files);
    this.#hosts = hosts.map(host => ({ ...host, reportedAt: this.clock.now() }));
    this.agents = new FakeAgents(hosts);
    this.placement = this.#placing();
    this.workloads = this.#begun();
  }

  #placing(): Placement {
    const placement = new Placement({
      ...{ files: this.rules, folders: this.folders, store: this.table, log: this.log },
      clock: this.sweeps,
      hosts: () => this.#hosts,
      known: () => this.workloads.holdings(),
      sha256,
    });
    void placement.start();
    return placement;
  }

  #begun(): Workloads {
    const workloads = new Workloads({
      ...{ files: this.files, store: this.store, links: this.agents, clock: this.clock, log: this.log },
      hosts: () => this.#hosts,
      host: id => this.#hosts.find(host => host.id === id),
      placer: this.placement,
      accel: 'kvm',
    });
    void workloads.start();
    return workloads;
  }

  /** host0 was killed and is back: what is not in the store is forgotten, and no node has reported yet. */
  restart(): void {
    this.#hosts = this.#hosts.map(host => (host.state === 'up' ? { ...host, state: 'unknown' } : host));
    void this.placement.stop();
    this.placement = this.#placing();
    this.workloads = this.#begun();
  }

  host(id: MachineId): Host {
    const host = this.#hosts.find(each => each.id === id);
    if (!host) throw new Error(`no ${id}`);
    return host;
  }

  /** Somebody knows of one more. */
  add(host: Host): void {
    this.#hosts = [...this.#hosts, host];
  }

  /** The registry has forgotten it. */
  lose(id: MachineId): void {
    this.#hosts = this.#hosts.filter(host => host.id !== id);
  }

  change(id: MachineId, change: Partial<Host>): void {
    this.#hosts = this.#hosts.map(host => (host.id === id ? { ...host, ...change } : host));
  }

  /** The node reports what runs on it. */
  report(id: MachineId, change: Partial<Host> = {}): void {
    this.clock.advance(1);
    this.change(id, { state: 'up', reportedAt: this.clock.now(), workloads: this.agents.on(id), ...change });
    this.workloads.heard(id);
  }

  /** The node has rebooted: nothing runs on it any more, and it reports. */
  reboot(id: MachineId, bootId: string): void {
    this.agents.machines.delete(id);
    this.report(id, { bootId });
  }

  /** The lines of one request. */
  async run(
    verb: WorkloadRun['verb'],
    names: readonly string[],
    change: Partial<WorkloadRun> = {},
    signal = new AbortController().signal,
  ): Promise<WorkloadLine[]> {
    const lines: WorkloadLine[] = [];
    const request = { verb, workloads: [...names], timeoutSeconds: 20, dryRun: false, ...change };
    await this.workloads.run(request, line => void lines.push(line), signal);
    return lines;
  }

  async view(name: string): Promise<WorkloadView> {
    const views = await this.workloads.list();
    const view = views.find(each => each.name === name);
    if (!view) throw new Error(`no ${name} among ${views.map(each => each.name).join(', ')}`);
    return view;
  }

  /** `running`, or `returning: why`. */
  async state(name: string): Promise<string> {
    const { problem, state } = await this.view(name);
    return problem === undefined ? state : `${state}: ${problem}`;
  }
}

/** Each line as one short text. */
export function short(lines: readonly WorkloadLine[]): string[] {
  return lines.map(line => {
    const place = line.node === undefined ? line.workload : `${line.workload}@${line.node}`;
    if ('error' in line)
      return `${place}: ${[line.error.message, ...line.error.details].join(' | ')} (${line.error.code})`;
    if ('done' in line) return `${place}: done${line.done.status ? ` ${line.done.status.state}` : ''}`;
    if ('placement' in line) return `${place}: would go to ${line.placement.host}`;
    if ('step' in line) return `${place}: ${line.step}`;
    return `${place}: ${line.progress.received} of ${line.progress.total}`;
  });
}

/** Lets everything that needs no time happen. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve));
}
