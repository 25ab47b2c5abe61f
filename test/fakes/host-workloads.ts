import type { FullReport } from '../../src/api/report.ts';
import type { Ipv4 } from '../../src/base/ipv4.ts';
import type { MachineId } from '../../src/domain/machine/genid.ts';
import { startSent } from '../../src/domain/workload/desired.ts';
import type { Host } from '../../src/domain/workload/host.ts';
import { parseWorkload } from '../../src/domain/workload/parse.ts';
import type {
  WorkloadFile,
  WorkloadFiles,
  WorkloadFolder,
  WorkloadRecord,
  WorkloadStore,
} from '../../src/domain/workload/record.ts';
import type { WorkloadStatus } from '../../src/domain/workload/status.ts';
import { ALPHA, BETA, FACTS, HOST_KEY_LINE, LOAD } from './registry.ts';

/** Of a machine with room for a few workloads of one vCPU and 1 GiB. */
export const ROOMY: Pick<Host, 'facts' | 'load'> = {
  facts: { ...FACTS, memoryKib: 16 * 1024 * 1024 },
  load: { ...LOAD, availableKib: 15 * 1024 * 1024 },
};

/** Two nodes: alpha has a name, beta has none. */
export const ALPHA_HOST: Host = {
  id: ALPHA.id,
  name: 'rack1-01',
  state: 'up',
  address: ALPHA.address,
  hostKey: HOST_KEY_LINE,
  bootId: 'boot-1',
  reportedAt: 0,
  workloads: [],
  ...ROOMY,
};
export const BETA_HOST: Host = {
  id: BETA.id,
  state: 'up',
  address: BETA.address,
  hostKey: HOST_KEY_LINE,
  bootId: 'boot-1',
  reportedAt: 0,
  workloads: [],
  ...ROOMY,
};

export function statusOf(name: string, change: Partial<WorkloadStatus> = {}): WorkloadStatus {
  return {
    name,
    uuid: `uuid-${name}`,
    state: 'running',
    since: 1000,
    engine: 'qemu',
    console: { type: 'serial-tcp', port: 7900 },
    volumes: [],
    nics: [],
    ...change,
  };
}

/** As a report has them. */
export function told(...names: readonly string[]): NonNullable<FullReport['workloads']> {
  return names.map(name => statusOf(name)) as NonNullable<FullReport['workloads']>;
}

/** The smallest file that is good. */
export function textOf(name: string, more: readonly string[] = []): string {
  const lines = [
    `name=${name}`,
    `uuid=uuid-${name}`,
    'platform.memory.size=1G',
    'platform.cpu.threads=1',
    ...more,
  ];
  return `${lines.join('\n')}\n`;
}

export function fileOf(name: string, text = textOf(name)): WorkloadFile {
  return { ...parseWorkload(text, `/var/pxen/monoliths/${name}.conf`), text };
}

/** Of a workload that was started on alpha in its first boot and is there. */
export function recordOf(name: string, change: Partial<WorkloadRecord> = {}): WorkloadRecord {
  const started = startSent({
    name,
    uuid: `uuid-${name}`,
    autostart: true,
    node: ALPHA.id,
    bootId: 'boot-1',
    config: { file: `/var/pxen/monoliths/${name}.conf`, text: textOf(name) },
  });
  return { ...started, start: 'confirmed', ...change };
}

/** Many nodes that are up. */
export function hostsOf(count: number): Host[] {
  return Array.from({ length: count }, (_, at) => ({
    ...BETA_HOST,
    id: (at + 1).toString(16).padStart(8, '0') as MachineId,
    address: `10.77.${1 + Math.floor(at / 200)}.${1 + (at % 200)}` as Ipv4,
  }));
}

/** Records in memory, as JSON. `failure` makes every write reject. */
export class MemoryWorkloads implements WorkloadStore {
  readonly saved = new Map<string, string>();
  /** What was written, in order: `web running sent`, `web removed`. */
  readonly history: string[] = [];
  failure: Error | undefined;

  constructor(records: readonly WorkloadRecord[] = []) {
    for (const record of records) this.saved.set(record.uuid, JSON.stringify(record));
  }

  load(): WorkloadRecord[] {
    return [...this.saved.values()].map(text => JSON.parse(text) as WorkloadRecord);
  }

  get(uuid: string): WorkloadRecord | undefined {
    const text = this.saved.get(uuid);
    return text === undefined ? undefined : (JSON.parse(text) as WorkloadRecord);
  }

  async save(record: WorkloadRecord): Promise<void> {
    if (this.failure) throw this.failure;
    this.saved.set(record.uuid, JSON.stringify(record));
    this.history.push(`${record.name} ${record.desired} ${record.start}`);
  }

  async remove(uuid: string): Promise<void> {
    if (this.failure) throw this.failure;
    if (this.saved.delete(uuid)) this.history.push(`${uuid} removed`);
  }
}

/** Files in memory. */
export class MemoryFiles implements WorkloadFiles {
  files: readonly WorkloadFile[];
  beyond = 0;
  /** Every look rejects with it. */
  failure: Error | undefined;

  constructor(...files: readonly WorkloadFile[]) {
    this.files = files;
  }

  async all(): Promise<WorkloadFolder> {
    if (this.failure) throw this.failure;
    return { files: this.files, beyond: this.beyond };
  }
}
