import { KEY_PATTERNS } from '../../workload/keys.ts';
import { type Carriage, losses } from '../exchange.ts';
import type { ExportFormat } from '../format.ts';
import { qemuArgv } from './argv.ts';

const BY_PXEN = 'only pxen does that';
const ONLY_SHOWN = 'QEMU has no place for it';

/** What is not in the command: pxen does it around QEMU. */
const NOT_IN_COMMAND: Carriage['words'] = {
  'platform.image': ONLY_SHOWN,
  'platform.volume.<id>.source': BY_PXEN,
  'platform.volume.<id>.sha256': BY_PXEN,
  'platform.volume.<id>.ephemeral': BY_PXEN,
  'platform.volume.<id>.size': 'pxen makes the disk before it starts QEMU',
  'network.<id>.bridge': 'the tap must be on it before QEMU starts',
  'network.<id>.switch': ONLY_SHOWN,
  'network.<id>.ip': ONLY_SHOWN,
  'network.<id>.qos.loss': BY_PXEN,
  'network.<id>.qos.delay': BY_PXEN,
  'network.<id>.qos.rate': BY_PXEN,
  'network.<id>.qos.unit': BY_PXEN,
  'runtime.tag.<k>': ONLY_SHOWN,
  'runtime.control-ip': ONLY_SHOWN,
  'runtime.autostart': BY_PXEN,
  'placement.node': BY_PXEN,
  'placement.realm': BY_PXEN,
  'placement.coschedule': BY_PXEN,
  'placement.group': BY_PXEN,
};

export const QEMU_CARRIAGE: Carriage = {
  carries: new Set(KEY_PATTERNS.filter(pattern => NOT_IN_COMMAND[pattern] === undefined)),
  words: NOT_IN_COMMAND,
};

export const QEMU_EXPORTS: Readonly<Record<'qemu' | 'microvm', ExportFormat>> = {
  qemu: {
    about: 'the command line of QEMU',
    engine: 'qemu',
    carriage: QEMU_CARRIAGE,
    render: machine => ({ argv: qemuArgv(machine), notes: losses(machine.workload, QEMU_CARRIAGE) }),
  },
  microvm: {
    about: 'the command line of QEMU with the board microvm',
    engine: 'microvm',
    carriage: QEMU_CARRIAGE,
    render: machine => ({ argv: qemuArgv(machine), notes: losses(machine.workload, QEMU_CARRIAGE) }),
  },
};
