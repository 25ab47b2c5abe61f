import type { Kvm } from '../../domain/node/facts.ts';
import { meminfoKib } from '../../domain/node/meminfo.ts';
import { KERNEL_HEAD, type KernelForm, kernelFormOf } from '../../domain/vm/kernel-form.ts';
import { installedEngines } from '../../domain/vm/launches.ts';
import type { AccelPolicy, HostDevice, WorkloadFacts } from '../../domain/workload/facts.ts';
import { ARCHITECTURES, type Workload } from '../../domain/workload/workload.ts';
import type { Tree } from '../tree.ts';
import { hugePages } from './hugepages.ts';
import { listeningPorts } from './sockets.ts';

export interface FactPorts {
  readonly tree: Tree;
  readonly cpuModels: () => Promise<readonly string[] | undefined>;
  /** Waits until it has been tried out. */
  readonly kvm: () => Promise<Kvm>;
  /** Whether it is on the PATH. */
  readonly hasProgram: (name: string) => boolean;
  /** Which paths of a workload are there. */
  readonly paths: (workload: Workload) => Promise<{ existing: string[]; owned: string[] }>;
}

/** What the rules of this workload need to know of the node, as it is right now. */
export async function gatherWorkloadFacts(
  ports: FactPorts,
  workload: Workload,
  request: {
    readonly accel: AccelPolicy;
    readonly otherUuids: readonly string[];
    readonly devices: readonly HostDevice[];
  },
): Promise<WorkloadFacts> {
  const { tree } = ports;
  const [cpuModels, kvm, { existing, owned }] = await Promise.all([
    ports.cpuModels(),
    // Nobody waits up to a minute for a fact that is not asked for.
    request.accel === 'tcg' ? undefined : ports.kvm(),
    ports.paths(workload),
  ]);
  return {
    arch: ARCHITECTURES.find(arch => arch === tree.text('/proc/sys/kernel/arch')),
    memAvailableKiB: meminfoKib(tree.text('/proc/meminfo') ?? '', 'MemAvailable') || undefined,
    nproc: countOf(tree.text('/sys/devices/system/cpu/online') ?? '') || undefined,
    cpuModels,
    interfaces: tree.list('/sys/class/net'),
    existingPaths: [...existing, ...otherPaths(workload).filter(path => tree.exists(path))],
    ownedPaths: owned,
    kernelForm: kernelForm(workload, tree),
    busyPorts: listeningPorts(tree),
    otherUuids: request.otherUuids,
    kvm: kvm && { usable: kvm.state === 'usable', reason: kvm.reason },
    vhostNet: tree.exists('/dev/vhost-net'),
    engines: installedEngines(ports.hasProgram),
    hugepages: hugePages(tree),
    vhostVsock: tree.exists('/dev/vhost-vsock'),
    devices: request.devices,
  };
}

function kernelForm({ kernel }: Workload, tree: Tree): KernelForm | undefined {
  const head = kernel && tree.head(kernel.image, KERNEL_HEAD);
  return head && kernelFormOf(head);
}

/** What the file names beside volumes. */
function otherPaths({ bios, kernel, virtioConsoles = [] }: Workload): string[] {
  const paths = [kernel?.image, kernel?.initrd, bios, ...virtioConsoles.map(({ path }) => path)];
  return paths.filter(path => path?.startsWith('/')).filter(path => path !== undefined);
}

/** How many numbers a list of the kernel such as `0-3,8` has. Not from /proc/cpuinfo: to measure clock rates that takes 10 ms. */
export function countOf(list: string): number {
  const ranges = list.split(',').map(range => /^(\d+)(?:-(\d+))?$/.exec(range.trim()));
  const sizes = ranges.map(match => (match ? Number(match[2] ?? match[1]) - Number(match[1]) + 1 : 0));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The facts as they will be when everything that can be fetched has been. */
export function asIfFetched(facts: WorkloadFacts, workload: Workload): WorkloadFacts {
  const existing = facts.existingPaths ?? [];
  const coming = workload.volumes
    .filter(volume => volume.source !== undefined && !existing.includes(volume.path))
    .map(volume => volume.path);
  return {
    ...facts,
    existingPaths: [...existing, ...coming],
    ownedPaths: [...(facts.ownedPaths ?? []), ...coming],
  };
}
