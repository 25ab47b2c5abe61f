import { ENGINE_LIMITS } from '../vm/capabilities.ts';
import type { KernelForm } from '../vm/kernel-form.ts';
import { keyOf } from './keys.ts';
import { type OnNode, type OnNodeRule, written } from './on-node.ts';
import type { Fault } from './problem.ts';
import { formatMemory } from './values.ts';

/** The rules of checklist section 5.1 that need the node. */
export const HARDWARE_RULES: readonly OnNodeRule[] = [
  engineRuns,
  architectureFits,
  filesAreThere,
  kernelIsOfItsForm,
  hugePagesSuffice,
  vsockWorks,
  contextIdIsFree,
  socketsAreFree,
  devicesAreThere,
];

function engineRuns({ facts: { engines }, ...parsed }: OnNode): Fault[] {
  const { engine } = parsed.workload;
  if (engines === undefined || engines.includes(engine)) return [];
  const known = engines.length === 0 ? 'it has none' : engines.join(', ');
  const expected = `an engine that the node can run workloads with (${known})`;
  return [{ ...written(parsed, 'platform.engine', engine), code: 'NOT_ON_NODE', expected }];
}

/** KVM runs guests of the node's own kind and no others. */
function architectureFits({ facts, ...parsed }: OnNode): Fault[] {
  const { arch = 'x86_64', cpu, engine } = parsed.workload;
  const isOwn = ENGINE_LIMITS[engine].needsKvm !== undefined || cpu.mode === 'host';
  if (facts.arch === undefined || facts.arch === arch || !isOwn) return [];
  const expected = `${facts.arch}, the architecture of the node`;
  return [{ ...written(parsed, 'platform.arch', arch), code: 'NOT_ON_NODE', expected }];
}

/** Files that the engine reads beside the volumes. */
function filesAreThere({ facts: { existingPaths }, ...parsed }: OnNode): Fault[] {
  const { bios, kernel } = parsed.workload;
  if (existingPaths === undefined) return [];
  const files = [
    ['platform.kernel.image', kernel?.image],
    ['platform.kernel.initrd', kernel?.initrd],
    // A bare name is a file of the engine.
    ['platform.bios', bios?.startsWith('/') ? bios : undefined],
  ] as const;
  return files.flatMap(([key, path]) => {
    if (path === undefined || existingPaths.includes(path)) return [];
    return [
      { ...written(parsed, key, path), code: 'NOT_ON_NODE' as const, expected: 'a file that is on the node' },
    ];
  });
}

/** What the engine would load all the same, and the guest would say nothing for ever (SV-6). */
function kernelIsOfItsForm({ facts: { kernelForm }, ...parsed }: OnNode): Fault[] {
  const { arch = 'x86_64', engine, kernel } = parsed.workload;
  const kernels = ENGINE_LIMITS[engine].kernels?.[arch];
  if (kernel === undefined || kernelForm === undefined || kernels === undefined) return [];
  if (kernels.includes(kernelForm)) return [];
  const known = kernels.filter(form => form !== 'raw').join(' or ');
  const expected = `a kernel in the form ${known}; this one is ${kernelForm}${ADVICE[kernelForm] ?? ''}`;
  const place = written(parsed, 'platform.kernel.image', kernel.image);
  return [{ ...place, code: 'BAD_VALUE', expected }];
}

const ADVICE: Readonly<Partial<Record<KernelForm, string>>> = {
  ELF: ' (objcopy -O binary vmlinux vmlinux.bin makes one that it takes)',
  compressed: ' (unpack it first)',
};

/** SV-22. */
function hugePagesSuffice({ facts: { hugepages: mounts }, ...parsed }: OnNode): Fault[] {
  const { bytes, hugepages } = parsed.workload.memory;
  if (mounts === undefined || hugepages === undefined) return [];
  const mount = mounts.find(({ path }) => path === hugepages);
  if (!mount) {
    const known = mounts.length === 0 ? 'it has none' : mounts.map(({ path }) => path).join(', ');
    const expected = `a folder of the node where a hugetlbfs is mounted (${known})`;
    return [{ ...written(parsed, 'platform.memory.hugepages', hugepages), code: 'NOT_ON_NODE', expected }];
  }
  const place = written(parsed, 'platform.memory.size', formatMemory(bytes));
  const page = mount.pageKiB * 1024;
  if (bytes % page !== 0) {
    const expected = `a multiple of ${formatMemory(page)}, the page size of ${hugepages}`;
    return [{ ...place, code: 'BAD_VALUE', expected }];
  }
  if (bytes / page <= mount.free) return [];
  const expected = `at most ${mount.free} free huge pages of ${formatMemory(page)} on the node (sysctl vm.nr_hugepages)`;
  return [{ ...place, code: 'TOO_MUCH', got: `${place.got} (${bytes / page} pages)`, expected }];
}

function vsockWorks({ facts: { vhostVsock }, ...parsed }: OnNode): Fault[] {
  const { vsock } = parsed.workload;
  if (vsock === undefined || vhostVsock !== false) return [];
  const expected = 'a node with a /dev/vhost-vsock (modprobe vhost_vsock)';
  return [{ ...written(parsed, 'platform.vsock.cid', `${vsock.cid}`), code: 'NOT_ON_NODE', expected }];
}

/** SV-14. */
function contextIdIsFree({ facts: { vsockCids }, ...parsed }: OnNode): Fault[] {
  const { vsock } = parsed.workload;
  if (vsock === undefined || vsock.cid === 'auto' || !vsockCids?.includes(vsock.cid)) return [];
  const expected = 'one that no other vsock of the node has, or auto';
  return [{ ...written(parsed, 'platform.vsock.cid', `${vsock.cid}`), code: 'NOT_UNIQUE', expected }];
}

/** SV-13: whoever listens on a socket takes its place, whatever lies there. Those in the state folder are pxen's. */
function socketsAreFree({ facts: { existingPaths }, ...parsed }: OnNode): Fault[] {
  const consoles = parsed.workload.virtioConsoles ?? [];
  return consoles
    .filter(({ path }) => path.startsWith('/') && existingPaths?.includes(path))
    .map(({ id, path }) => ({
      ...written(parsed, keyOf('runtime.console.virtio.<n>.path', id), path),
      code: 'ALREADY_THERE',
      expected: 'a path where nothing is yet',
    }));
}

function devicesAreThere({ facts: { devices: there }, ...parsed }: OnNode): Fault[] {
  if (there === undefined) return [];
  const wanted = Map.groupBy(parsed.workload.devices ?? [], ({ type }) => type);
  return [...wanted].flatMap(([type, devices]) => {
    const count = there.filter(device => device.type === type).length;
    const expected = `a device of the node that is set aside for the workload; of this type there are ${count}`;
    return devices.slice(count).map(({ id }) => ({
      ...written(parsed, keyOf('platform.device.<n>.type', id), type),
      code: 'TOO_MUCH' as const,
      expected,
    }));
  });
}
