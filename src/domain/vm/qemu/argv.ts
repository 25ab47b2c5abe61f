import type { Machine } from '../machine.ts';
import { STATE_FILES } from '../statefiles.ts';
import { bootIndexes } from './boot.ts';
import { networkCards } from './cards.ts';
import { disks, flash } from './disks.ts';
import { equipment } from './equipment.ts';
import { memory, memoryOfBoard } from './memory.ts';
import { escaped } from './option.ts';
import { pluggedIn, transportOf } from './slots.ts';

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
    ...memory(machine),
    ...clock(),
    ...processor(machine),
    ...software(machine),
    ...bareness(),
    ...sandbox(),
    ...stateFiles(machine),
    ...serialPort(machine),
    ...screen(machine),
    ...entropy(machine),
    ...threads(machine),
    ...peripherals(machine),
    ...powerState(machine),
    ...appended(machine),
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
function board(machine: Machine): string[] {
  if (machine.workload.engine === 'microvm') return smallBoard(machine);
  const graphics = machine.console.type === 'vnc' ? '' : ',graphics=off';
  return ['-machine', `pc${graphics}${memoryOfBoard(machine)}`];
}

/**
 * With ACPI the board has no timer of old, and Linux cannot tell how fast the processors of TCG are: it hangs before its
 * first process. Without ACPI there is one, but no power button, and 8 slots instead of 24.
 */
function smallBoard(machine: Machine): string[] {
  const acpi = machine.accel === 'tcg' ? ',acpi=off' : '';
  return ['-machine', `microvm,rtc=on${acpi}${memoryOfBoard(machine)}`];
}

function clock(): string[] {
  return ['-rtc', 'base=utc'];
}

/** MH-8, MH-9. Since QEMU 6.2 the vCPUs of a bare number are cores of one socket, which suits guests that count sockets. */
function processor({ accel, workload: { cpu } }: Machine): string[] {
  const engine = accel === 'kvm' ? 'kvm' : 'tcg,thread=multi';
  const { topology } = cpu;
  const shape = topology
    ? `,sockets=${topology.sockets},cores=${topology.cores},threads=${topology.threads}`
    : '';
  return ['-accel', engine, '-cpu', cpu.mode, '-smp', `${cpu.threads}${shape}`];
}

/** What the guest's first instructions are of, where the file says it. None of these options knows a comma. */
function software({ bios, kernel }: Machine): string[] {
  const option = (name: string, value: string | undefined): string[] =>
    value === undefined ? [] : [name, value];
  return [
    ...option('-bios', bios),
    ...option('-kernel', kernel?.image),
    ...option('-initrd', kernel?.initrd),
    ...option('-append', kernel?.append),
  ];
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
function screen({ console, workload }: Machine): string[] {
  const vnc =
    console.type === 'vnc' ? ['-vnc', `:${console.id}`, '-device', 'qemu-xhci', '-device', 'usb-tablet'] : [];
  const card = workload.engine === 'microvm' ? 'none' : (workload.vga ?? 'std');
  return ['-vga', card, ...vnc];
}

/** Without one a guest that has just booted may wait long for its first random numbers. */
function entropy({ workload }: Machine): string[] {
  return ['-device', `virtio-rng-${transportOf(workload.engine)}`];
}

/** SV-19. */
function threads({ workload }: Machine): string[] {
  return (workload.iothreads ?? []).flatMap(({ name }) => ['-object', `iothread,id=${name}`]);
}

/** Cards first: a guest names them by their slots, so a volume more or less must not move them. */
function peripherals(machine: Machine): string[] {
  const { nics, volumes, workload } = machine;
  const transport = transportOf(workload.engine);
  const order = transport === 'pci' ? bootIndexes(workload) : (): undefined => undefined;
  return [
    // strict: what the boot order does not name is never booted from. microvm knows no order.
    ...(transport === 'pci' ? ['-boot', 'strict=on'] : []),
    ...flash(volumes),
    ...pluggedIn([
      ...networkCards(nics, order, transport),
      ...equipment(machine),
      ...disks(volumes, order, transport),
    ]),
  ];
}

/** FW-21: with -S the vCPUs wait for a resume. */
function powerState({ workload }: Machine): string[] {
  return workload.powerState === 'paused' ? ['-S'] : [];
}

/** FW-20: last, so that they win over what stands before them. */
function appended({ workload }: Machine): string[] {
  return (workload.append ?? []).flatMap(({ name, value }) =>
    value === '' ? [`-${name}`] : [`-${name}`, value],
  );
}
