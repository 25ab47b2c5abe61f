import { KEY_PATTERNS, type KeyPattern } from '../../workload/keys.ts';
import { shapeCommand } from '../../workload/shaping.ts';
import { type Carriage, losses, type Note } from '../exchange.ts';
import type { ExportFormat } from '../format.ts';
import type { Machine } from '../machine.ts';
import { domainXml } from './domain.ts';
import { storageCommands } from './pools.ts';

const BY_PXEN = 'only pxen does that';
const NO_PLACE = 'libvirt has no place for it';

const NOT_IN_XML: Carriage['words'] = {
  'platform.image': NO_PLACE,
  'platform.memory.hugepages': 'libvirt takes huge pages from the mounts that it knows itself (qemu.conf)',
  'platform.iothread.<n>': 'libvirt counts them and knows no names',
  'platform.volume.<id>.source': BY_PXEN,
  'platform.volume.<id>.sha256': BY_PXEN,
  'platform.volume.<id>.ephemeral': BY_PXEN,
  'platform.volume.<id>.size': 'the commands of the format libvirt-pools make the disk',
  'network.<id>.switch': NO_PLACE,
  'network.<id>.ip': NO_PLACE,
  'runtime.power-state': 'start it with: virsh start --paused',
  'runtime.autostart': 'it is the default of libvirt; turn it on with: virsh autostart',
  'placement.node': BY_PXEN,
  'placement.realm': BY_PXEN,
  'placement.coschedule': BY_PXEN,
  'placement.group': BY_PXEN,
};

const XML_CARRIAGE: Carriage = {
  carries: new Set(KEY_PATTERNS.filter(pattern => NOT_IN_XML[pattern] === undefined)),
  words: NOT_IN_XML,
};

const POOLS_CARRIAGE: Carriage = {
  carries: new Set<KeyPattern>([
    'platform.volume.<id>.path',
    'platform.volume.<id>.pool',
    'platform.volume.<id>.size',
    'platform.volume.<id>.format',
  ]),
  words: {},
};

export const LIBVIRT_EXPORTS: Readonly<Record<'libvirt' | 'libvirt-pools', ExportFormat>> = {
  libvirt: {
    about: 'the domain XML of libvirt',
    engine: 'libvirt',
    carriage: XML_CARRIAGE,
    render: machine => ({
      text: domainXml(machine),
      notes: [...losses(machine.workload, XML_CARRIAGE), ...shapingNotes(machine)],
    }),
  },
  'libvirt-pools': {
    about: 'the commands that make the storage pools and disks of a domain',
    engine: 'libvirt',
    carriage: POOLS_CARRIAGE,
    // Of a format that is about storage alone the rest is no loss.
    render: machine => ({ commands: storageCommands(machine), notes: storageNotes(machine) }),
  },
};

function shapingNotes({ nics, workload }: Machine): Note[] {
  return nics.flatMap(({ id, tap = '' }) => {
    const qos = workload.nics.find(nic => nic.id === id)?.qos;
    return qos
      ? [{ key: `network.${id}.qos`, text: `after the start: ${shapeCommand(tap, qos).join(' ')}` }]
      : [];
  });
}

function storageNotes(machine: Machine): Note[] {
  if (storageCommands(machine).length > 0) return [];
  return [{ key: 'platform.volume', text: 'no volume has a pool or a size, so there is nothing to make' }];
}
