import type { HostView } from '../../../../../src/api/placement.ts';
import type { Ipv4 } from '../../../../../src/base/ipv4.ts';
import type { MachineId } from '../../../../../src/domain/machine/genid.ts';

const GiB = 2 ** 30;

/** A node that nobody has said anything about, with one workload. */
export const TULIP_HOST: HostView = {
  name: 'tulip',
  id: '91d5815f' as MachineId,
  state: 'enabled',
  described: false,
  liveness: 'up',
  profile: 'default',
  cores: 8,
  memory: 16 * GiB,
  usage: { vms: 1, vcpus: 2, memory: 4 * GiB, devices: {} },
  devices: {},
  cost: 4.5,
  workloads: [{ name: 'mail', state: 'running' }],
};

/** A libvirt host with all that can be said of one. */
export const KVM_HOST: HostView = {
  name: 'kvm1',
  id: '6b766d31' as MachineId,
  uri: 'qemu+ssh://root@kvm1/system',
  state: 'no-scheduling',
  described: true,
  liveness: 'unreachable',
  problem: 'no route to host',
  profile: 'gpu-node',
  realm: 'cluster',
  group: 'rack1',
  translation: { address: '10.1.0.5' as Ipv4, basePort: 9000 },
  cores: 16,
  memory: 64 * GiB,
  usage: { vms: 2, vcpus: 6, memory: 8 * GiB, devices: { 'nvidia-gpu': 1 } },
  devices: { 'nvidia-gpu': 2 },
  cost: 'Infinity',
  workloads: [
    { name: 'db', state: 'unknown' },
    { name: 'web', state: 'reserved' },
  ],
};

export const HOSTS = [KVM_HOST, TULIP_HOST];
