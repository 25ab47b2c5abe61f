import { messageOf } from '../../base/error.ts';
import type { Kvm } from '../../domain/node/facts.ts';
import { AGENT_ENGINES } from '../../domain/vm/capabilities.ts';
import type { AccelPolicy, WorkloadFacts } from '../../domain/workload/facts.ts';
import type { Workload } from '../../domain/workload/workload.ts';
import { type Exec, failureOf } from '../../io/exec.ts';
import { meminfoKib } from '../facts/memory.ts';
import type { Tree } from '../tree.ts';
import { hugePages } from './hugepages.ts';
import { listeningPorts } from './sockets.ts';

export interface FactPorts {
  readonly tree: Tree;
  readonly cpuModels: () => Promise<readonly string[] | undefined>;
  /** Waits until it has been tried out. */
  readonly kvm: () => Promise<Kvm>;
  /** Which paths of a workload are there. */
  readonly paths: (workload: Workload) => Promise<{ existing: string[]; owned: string[] }>;
}

/** What the rules of this workload need to know of the node, as it is right now. */
export async function gatherWorkloadFacts(
  ports: FactPorts,
  workload: Workload,
  request: { readonly accel: AccelPolicy; readonly otherUuids: readonly string[] },
): Promise<WorkloadFacts> {
  const { tree } = ports;
  const [cpuModels, kvm, { existing, owned }] = await Promise.all([
    ports.cpuModels(),
    // Nobody waits up to a minute for a fact that is not asked for.
    request.accel === 'tcg' ? undefined : ports.kvm(),
    ports.paths(workload),
  ]);
  return {
    memAvailableKiB: meminfoKib(tree.text('/proc/meminfo') ?? '', 'MemAvailable') || undefined,
    nproc: countOf(tree.text('/sys/devices/system/cpu/online') ?? '') || undefined,
    cpuModels,
    interfaces: tree.list('/sys/class/net'),
    existingPaths: [...existing, ...otherPaths(workload).filter(path => tree.exists(path))],
    ownedPaths: owned,
    busyPorts: listeningPorts(tree),
    otherUuids: request.otherUuids,
    kvm: kvm && { usable: kvm.state === 'usable', reason: kvm.reason },
    vhostNet: tree.exists('/dev/vhost-net'),
    engines: AGENT_ENGINES,
    hugepages: hugePages(tree),
    vhostVsock: tree.exists('/dev/vhost-vsock'),
  };
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

/** QEMU loads its modules and asks the kernel; half a second on a slow machine. */
const HELP_TIMEOUT = 30_000;

/** Asks QEMU once which CPU models it has, and again only when that failed. Undefined: it did not say. */
export function cpuModelsOf(
  exec: Exec,
  signal: AbortSignal,
  say: (line: string) => void,
): FactPorts['cpuModels'] {
  let asked: Promise<readonly string[] | undefined> | undefined;
  return async () => {
    asked ??= askCpuModels(exec, signal).catch(thrown => {
      if (!signal.aborted) say(`which CPU models QEMU has is not known: ${messageOf(thrown)}`);
      return undefined;
    });
    const models = await asked;
    if (models === undefined) asked = undefined;
    return models;
  };
}

async function askCpuModels(exec: Exec, signal: AbortSignal): Promise<readonly string[]> {
  const run = await exec('qemu-system-x86_64', ['-cpu', 'help'], { timeout: HELP_TIMEOUT, signal });
  const failure = failureOf(run);
  if (failure !== undefined) throw new Error(`qemu-system-x86_64 -cpu help ${failure}`);
  const models = parseCpuModels(run.stdout);
  if (models.length === 0) throw new Error('qemu-system-x86_64 -cpu help lists none');
  return models;
}

/**
 * The names in `-cpu help`, versioned ones and aliases too: `x86 Penryn-v1   Intel Core 2 Duo ...` of QEMU 7, and the
 * same without `x86` since QEMU 9. The list of CPUID flags after it looks alike.
 */
export function parseCpuModels(help: string): string[] {
  const lines = help.split('\n');
  const end = lines.findIndex(line => /^Recognized CPUID flags/i.test(line));
  const names = lines
    .slice(0, end === -1 ? undefined : end)
    .map(line => /^(?:x86 +|\s+)(\S+)/.exec(line)?.[1]);
  return [...new Set(names.filter(name => name !== undefined))];
}
