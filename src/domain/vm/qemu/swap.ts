import type { Machine } from '../machine.ts';
import type { Plug, Swap } from '../swap.ts';
import { qemuArgv } from './argv.ts';

/** QEMU's monitor cuts a longer word off without a message (get_str of its monitor/hmp.c has 1024 bytes). */
const LONGEST_WORD = 1000;

/**
 * How volume `id` becomes what it is in `after`, which differs in nothing else. A string says why it cannot, as it ends a
 * sentence. A disk is plugged in with the words that a start with `after` would have, so nothing comes out differently.
 */
export function swapOf(before: Machine, after: Machine, id: number): Swap | string {
  const drive = `vol${id}`;
  const [from, to] = [before, after].map(machine => plugOf(qemuArgv(machine), drive));
  if (!from || !to) return 'it is no drive of its own';
  if (/^(ide|scsi)-cd,/.test(from.device)) {
    const [was, will] = [before, after].map(({ volumes }) => volumes.find(volume => volume.id === id)?.file);
    return { kind: 'medium', drive, from: was ?? '', to: will ?? '' };
  }
  if (!from.device.startsWith('virtio-blk-pci,'))
    return `it is a ${from.device.split(',')[0]}: only discs and disks on virtio of a PCI board can be replaced while the machine runs`;
  const isLong = [from, to].some(({ drive }) => new TextEncoder().encode(drive).length > LONGEST_WORD);
  return isLong ? 'its path is too long for the monitor of QEMU' : { kind: 'disk', drive, from, to };
}

function plugOf(argv: readonly string[], drive: string): Plug | undefined {
  const values = (option: string): string[] => argv.filter((_, index) => argv[index - 1] === option);
  const ofDrive = values('-drive').find(value => value.startsWith(`if=none,id=${drive},`));
  const device = values('-device').find(value => `${value},`.includes(`,drive=${drive},`));
  return ofDrive === undefined || device === undefined ? undefined : { drive: ofDrive, device };
}
