import { formatMemory } from '../../workload/values.ts';
import type { Machine } from '../machine.ts';
import { STATE_FILES } from '../statefiles.ts';
import { bootIndexes } from './boot.ts';
import { networkCards } from './cards.ts';
import { disks } from './disks.ts';
import { escaped } from './option.ts';
import { pluggedIn } from './slots.ts';

export const QEMU = 'qemu-system-x86_64';

/**
 * The command that runs the machine, for QEMU 7.2 and later. A function of the machine alone: what `--dry-run` prints
 * is what is started. It takes the console's port, the taps and the folder as they are.
 */
export function qemuArgv(machine: Machine): string[] {
  return [
    QEMU,
    ...identity(machine),
    ...board(machine),
    ...processor(machine),
    ...bareness(),
    ...sandbox(),
    ...stateFiles(machine),
    ...serialPort(machine),
    ...screen(machine),
    ...entropy(),
    ...peripherals(machine),
  ];
}

/** What QEMU and the guest's firmware tables call it. */
function identity({ workload, rfcUuid }: Machine): string[] {
  return ['-name', `guest=${escaped(workload.name)}`, '-uuid', rfcUuid];
}

/**
 * `pc`: the board that the most guests know, with slots that can be plugged while it runs (q35 would need root ports for
 * that). The firmware needs the same 0.07 s on both. What q35 has ahead, discs on AHCI, disks.ts adds.
 * graphics=off lets the firmware and boot loaders write to the serial port, too, so that a machine that finds nothing to
 * boot says so on its console. Behind VNC there is a screen for that.
 */
function board({ console, workload }: Machine): string[] {
  const machine = console.type === 'vnc' ? 'pc' : 'pc,graphics=off';
  return ['-machine', machine, '-m', formatMemory(workload.memory.bytes), '-rtc', 'base=utc'];
}

/** MH-8, MH-9. Since QEMU 6.2 the vCPUs of a bare number are cores of one socket, which suits guests that count sockets. */
function processor({ accel, workload: { cpu } }: Machine): string[] {
  const engine = accel === 'kvm' ? 'kvm' : 'tcg,thread=multi';
  return ['-accel', engine, '-cpu', cpu.mode, '-smp', `${cpu.threads}`];
}

/** Nothing that the workload does not ask for: no default devices, no files of the node's /etc/qemu, no window. */
function bareness(): string[] {
  return ['-nodefaults', '-no-user-config', '-display', 'none'];
}

/** A guest that breaks out finds no program to start and no rights to gain. Taps exist already, so QEMU runs no script. */
function sandbox(): string[] {
  return ['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'];
}

/** MH-30. QEMU removes its pid file when it ends. QMP serves one connection at a time; the other monitor is for people. */
function stateFiles({ folder }: Machine): string[] {
  const monitor = (id: string, file: string, mode: string): string[] => [
    ...['-chardev', `socket,id=${id},path=${escaped(`${folder}/${file}`)},server=on,wait=off`],
    ...['-mon', `chardev=${id},mode=${mode}`],
  ];
  return [
    ...['-pidfile', `${folder}/${STATE_FILES.pid}`],
    ...monitor('qmp', STATE_FILES.qmp, 'control'),
    ...monitor('monitor', STATE_FILES.monitor, 'readline'),
  ];
}

/** MH-27, MH-28. A machine with a screen has one, too: its log is all that is left of a boot that nobody watched. */
function serialPort(machine: Machine): string[] {
  return ['-chardev', serialBackend(machine), '-device', 'isa-serial,chardev=serial'];
}

/** All backends append to the log, because the agent cuts it when it grows: with a position of its own QEMU would leave a hole. */
function serialBackend({ console, folder }: Machine): string {
  const log = escaped(`${folder}/${STATE_FILES.serialLog}`);
  switch (console.type) {
    case 'serial-tcp':
      return `socket,id=serial,host=0.0.0.0,port=${console.port},server=on,wait=off,nodelay=on,logfile=${log},logappend=on`;
    case 'serial-socket':
      return `socket,id=serial,path=${escaped(`${folder}/${STATE_FILES.serial}`)},server=on,wait=off,logfile=${log},logappend=on`;
    case 'vnc':
      return `file,id=serial,path=${log},append=on`;
  }
}

/** MH-29: on all addresses. The tablet tells where the pointer is; with a mouse alone two pointers would part. */
function screen({ console }: Machine): string[] {
  const vnc =
    console.type === 'vnc' ? ['-vnc', `:${console.id}`, '-device', 'qemu-xhci', '-device', 'usb-tablet'] : [];
  return ['-vga', 'std', ...vnc];
}

/** Without one a guest that has just booted may wait long for its first random numbers. */
function entropy(): string[] {
  return ['-device', 'virtio-rng-pci'];
}

/** Cards first: a guest names them by their slots, so a volume more or less must not move them. */
function peripherals({ nics, volumes, workload }: Machine): string[] {
  const order = bootIndexes(workload);
  return [
    // strict: what the boot order does not name is never booted from.
    ...['-boot', 'strict=on'],
    ...pluggedIn([...networkCards(nics, order), ...disks(volumes, order)]),
  ];
}
