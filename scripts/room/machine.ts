import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** `bios-chain`: a stand-in for a PXE ROM that is not iPXE (QEMU has none): it loads undionly.kpxe by TFTP and jumps into it. */
export type Firmware = 'bios' | 'bios-chain' | 'uefi' | 'uefi-http';

/** A bare machine: no disk, one network card, and a serial port that tells what happens. */
export interface MachineSpec {
  readonly name: string;
  readonly uuid: string;
  readonly mac: string;
  readonly firmware: Firmware;
  /** MiB. */
  readonly memory: number;
  readonly cpus: number;
  /** A machine that reboots starts over, as a real one does; otherwise its process ends. */
  readonly reboots?: boolean;
  /** It has an IOMMU, and a device that it can do without: a source of random numbers at SPARE_DEVICE. */
  readonly iommu?: boolean;
}

/** virtio-rng with the PCI id 1af4:1044. */
export const SPARE_DEVICE = '0000:00:1e.0';

const OVMF = '/usr/share/OVMF';

/** The QEMU command for a machine on a tap. `folder` keeps its UEFI variables. TCG: nested hardware virtualisation is not to be had everywhere. */
export function machineArgv(spec: MachineSpec, tap: string, folder: string): string[] {
  return [
    'qemu-system-x86_64',
    ...['-name', spec.name, '-uuid', spec.uuid],
    ...['-machine', spec.firmware.startsWith('bios') && !spec.iommu ? 'pc' : 'q35'],
    ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', String(spec.cpus), '-m', String(spec.memory)],
    ...['-nographic', '-nodefaults', '-vga', 'none', '-serial', 'stdio', '-monitor', 'none'],
    ...(spec.reboots ? [] : ['-no-reboot']),
    ...['-netdev', `tap,id=n0,ifname=${tap},script=no,downscript=no`],
    ...firmwareArgv(spec, folder),
    ...(spec.iommu ? iommuArgv() : []),
  ];
}

function firmwareArgv(spec: MachineSpec, folder: string): string[] {
  if (spec.firmware === 'bios') return biosArgv(spec);
  return spec.firmware === 'bios-chain' ? chainArgv(spec, folder) : uefiArgv(spec, folder);
}

/** Devices that QEMU emulates go around the IOMMU unless they are told not to. */
function iommuArgv(): string[] {
  return [
    ...['-device', 'intel-iommu,intremap=on'],
    ...['-device', 'virtio-rng-pci,addr=1e.0,disable-legacy=on,iommu_platform=on'],
  ];
}

function biosArgv(spec: MachineSpec): string[] {
  return ['-device', `virtio-net-pci,netdev=n0,mac=${spec.mac},bootindex=1`, '-boot', 'order=n'];
}

/** iPXE as a Linux kernel, with a script in the place of the initramfs. */
function chainArgv(spec: MachineSpec, folder: string): string[] {
  const script = join(folder, `${spec.name}.ipxe`);
  writeFileSync(script, '#!ipxe\ndhcp\nchain tftp://${next-server}/undionly.kpxe\n');
  return [
    ...['-kernel', '/usr/lib/ipxe/ipxe.lkrn', '-initrd', script],
    ...['-device', `virtio-net-pci,netdev=n0,mac=${spec.mac},romfile=`],
  ];
}

/** An empty romfile: else the card's own iPXE takes over and the firmware's PXE client is never tried. */
function uefiArgv(spec: MachineSpec, folder: string): string[] {
  const variables = join(folder, `${spec.name}.vars.fd`);
  copyFileSync(join(OVMF, 'OVMF_VARS_4M.fd'), variables);
  return [
    ...['-drive', `if=pflash,format=raw,unit=0,readonly=on,file=${join(OVMF, 'OVMF_CODE_4M.fd')}`],
    ...['-drive', `if=pflash,format=raw,unit=1,file=${variables}`],
    ...['-device', `virtio-net-pci,netdev=n0,mac=${spec.mac},romfile=,bootindex=1`],
    ...['-fw_cfg', 'name=opt/org.tianocore/IPv6PXESupport,string=n'],
    // Without PXE the firmware goes on to HTTP boot.
    ...(spec.firmware === 'uefi-http' ? ['-fw_cfg', 'name=opt/org.tianocore/IPv4PXESupport,string=n'] : []),
  ];
}
