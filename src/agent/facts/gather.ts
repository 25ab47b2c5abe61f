import { boundedFacts, type Facts, type Kvm, type Load, type Software } from '../../domain/node/facts.ts';
import { meminfoKib } from '../../domain/node/meminfo.ts';
import type { Engine } from '../../domain/vm/capabilities.ts';
import type { Tree } from '../tree.ts';
import { parseCpuinfo } from './cpu.ts';
import { disks, pciDevices } from './devices.ts';
import { hugepages } from './memory.ts';
import { type Addresses, bridges, nics } from './network.ts';

/** What the tree cannot tell. */
export interface Surroundings {
  readonly addresses: Addresses;
  readonly nodeVersion: string;
  readonly agentVersion: string;
  /** Found out after the first report, see probe.ts. */
  readonly kvm: Kvm;
  readonly qemu: string | undefined;
  /** What it can run workloads with. Undefined: not looked yet. */
  readonly engines: readonly Engine[] | undefined;
}

export function gatherFacts(tree: Tree, around: Surroundings): Facts {
  return boundedFacts({
    cpu: parseCpuinfo(tree.text('/proc/cpuinfo') ?? ''),
    memoryKib: meminfoKib(tree.text('/proc/meminfo') ?? '', 'MemTotal'),
    nics: nics(tree, around.addresses),
    disks: disks(tree),
    pci: pciDevices(tree),
    bridges: bridges(tree, around.addresses),
    hugepages: hugepages(tree),
    software: software(tree, around),
    kvm: around.kvm,
  });
}

export function gatherLoad(tree: Tree): Load {
  return {
    average: Number(tree.text('/proc/loadavg')?.split(' ')[0] ?? 0),
    availableKib: meminfoKib(tree.text('/proc/meminfo') ?? '', 'MemAvailable'),
    uptimeSeconds: Number(tree.text('/proc/uptime')?.split(' ')[0] ?? 0),
  };
}

function software(tree: Tree, around: Surroundings): Software {
  const release = tree.text('/etc/os-release') ?? '';
  return {
    kernel: tree.text('/proc/sys/kernel/osrelease') ?? 'unknown',
    os: releaseField(release, 'PRETTY_NAME') ?? 'unknown',
    image: releaseField(release, 'IMAGE_VERSION'),
    node: around.nodeVersion,
    agent: around.agentVersion,
    qemu: around.qemu,
    engines: around.engines,
  };
}

/** os-release(5) is a shell file: values may be quoted. */
function releaseField(release: string, key: string): string | undefined {
  return new RegExp(`^${key}=(["']?)(.*)\\1$`, 'm').exec(release)?.[2];
}
