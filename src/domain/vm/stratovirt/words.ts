import { formatMemory } from '../../workload/values.ts';
import type { Machine } from '../machine.ts';
import { STATE_FILES } from '../statefiles.ts';
import { type Drive, type Net, type StratovirtConfig, stratovirtConfig } from './config.ts';

export const STRATOVIRT = 'stratovirt';

/** The command that runs a machine on StratoVirt 0.2.0 (SV-7 to SV-22); its api-channel speaks QMP (FW-22, SV-15). */
export function stratovirtArgv(machine: Machine): string[] {
  const { workload } = machine;
  const config = stratovirtConfig(machine);
  return [
    STRATOVIRT,
    ...['-name', workload.name],
    ...machineWords(config),
    ...kernelWords(config),
    ...memoryWords(config),
    ...(config.iothread ?? []).flatMap(({ id }) => ['-iothread', `id=${id}`]),
    ...(config.drive ?? []).flatMap(drive => ['-drive', driveWord(drive)]),
    ...(config.net ?? []).flatMap(net => ['-netdev', netWord(net)]),
    ...(config.console ?? []).flatMap(console => [
      '-chardev',
      fields({ id: console.console_id, path: console.socket_path }),
    ]),
    ...(config.vsock
      ? ['-device', `vsock,${fields({ id: config.vsock.vsock_id, 'guest-cid': config.vsock.guest_cid })}`]
      : []),
    ...(config.balloon ? ['-balloon', fields({ 'deflate-on-oom': config.balloon.deflate_on_oom })] : []),
    ...channelWords(machine),
    ...['-serial', 'stdio'],
  ];
}

/** What a `-config` leaves to the command line (SV-25). */
export function channelWords({ folder, workload }: Machine): string[] {
  const channel = ['-api-channel', `unix:${folder}/${STATE_FILES.qmp}`];
  return workload.powerState === 'paused' ? [...channel, '-S'] : channel;
}

/** SV-8: the type needs no word, there is one. */
function machineWords({ 'machine-config': { dump_guest_core, mem_share } }: StratovirtConfig): string[] {
  const extra = fields({
    'dump-guest-core': dump_guest_core === undefined ? undefined : onOff(dump_guest_core),
    'mem-share': mem_share === undefined ? undefined : onOff(mem_share),
  });
  return extra === '' ? [] : ['-machine', `type=MicroVm,${extra}`];
}

function onOff(value: boolean): string {
  return value ? 'on' : 'off';
}

function kernelWords({ 'boot-source': boot }: StratovirtConfig): string[] {
  return [
    ...['-kernel', boot.kernel_image_path],
    ...(boot.boot_args === undefined ? [] : ['-append', boot.boot_args]),
    ...(boot.initrd_fs_path === undefined ? [] : ['-initrd', boot.initrd_fs_path]),
  ];
}

function memoryWords({ 'machine-config': machine }: StratovirtConfig): string[] {
  const path = machine.mem_path === undefined ? [] : ['-mem-path', machine.mem_path];
  return ['-smp', `${machine.vcpu_count}`, '-m', formatMemory(machine.mem_size), ...path];
}

function driveWord(drive: Drive): string {
  return fields({
    id: drive.drive_id,
    file: drive.path_on_host,
    readonly: drive.read_only,
    direct: drive.direct,
    serial: drive.serial_num,
    iothread: drive.iothread,
    iops: drive.iops,
  });
}

function netWord({ host_dev_name, iface_id, iothread, mac }: Net): string {
  return fields({ id: iface_id, netdev: host_dev_name, mac, iothread });
}

/** `a=1,b=2`, without what is absent. */
function fields(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}
