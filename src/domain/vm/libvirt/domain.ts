import type { Workload } from '../../workload/workload.ts';
import { bootOrder } from '../boot-order.ts';
import type { Machine } from '../machine.ts';
import { devices } from './devices.ts';
import { wrapped } from './look.ts';
import { NAMESPACE } from './virsh.ts';
import { type Element, element, formatXml, leaf } from './xml.ts';

/** What a domain is defined for. */
export interface DomainOptions {
  /** What whoever starts it wants to find there again. */
  readonly run?: string | undefined;
  /** Its taps are there before it starts, on their bridges. */
  readonly hasTaps?: boolean | undefined;
}

/** The domain of libvirt that a machine is; libvirt 9.0 and its schema are what it is tested with. */
export function domainXml(machine: Machine, options: DomainOptions = {}): string {
  return formatXml(domain(machine, options));
}

function domain(machine: Machine, { hasTaps = false, run }: DomainOptions): Element {
  const { accel, rfcUuid, workload } = machine;
  return element(
    'domain',
    { type: accel === 'kvm' ? 'kvm' : 'qemu' },
    leaf('name', workload.name),
    leaf('uuid', rfcUuid),
    metadata(workload, run),
    leaf('memory', workload.memory.bytes / 1024, {
      unit: 'KiB',
      dumpCore: workload.memory.dump === false ? 'off' : undefined,
    }),
    memoryBacking(workload),
    leaf('vcpu', workload.cpu.threads, { placement: 'static' }),
    workload.iothreads ? leaf('iothreads', workload.iothreads.length) : undefined,
    firmware(machine),
    (workload.arch ?? 'x86_64') === 'x86_64'
      ? element('features', {}, element('acpi'), element('apic'))
      : undefined,
    processor(workload),
    element('clock', { offset: 'utc' }),
    leaf('on_poweroff', 'destroy'),
    leaf('on_reboot', 'restart'),
    leaf('on_crash', 'destroy'),
    devices(machine, bootOrder(workload), hasTaps),
  );
}

/** What libvirt itself has no place for. */
function metadata({ controlIp, tags = [], uuid }: Workload, run: string | undefined): Element {
  return element(
    'metadata',
    {},
    element(
      'pxen:workload',
      { 'xmlns:pxen': NAMESPACE, uuid, 'control-ip': controlIp },
      ...tags.map(({ key, value }) => leaf('pxen:tag', value, { key })),
      run === undefined ? undefined : leaf('pxen:run', wrapped(run)),
    ),
  );
}

/** libvirt takes huge pages from the mounts that it knows itself. memfd: shared memory without a file system. */
function memoryBacking({ memory: { hugepages, share } }: Workload): Element | undefined {
  if (hugepages === undefined && !share) return undefined;
  return element(
    'memoryBacking',
    {},
    hugepages === undefined ? undefined : element('hugepages'),
    share ? element('source', { type: 'memfd' }) : undefined,
    share ? element('access', { mode: 'shared' }) : undefined,
  );
}

function firmware({ bios, kernel, workload }: Machine): Element {
  const { arch = 'x86_64' } = workload;
  return element(
    'os',
    {},
    leaf('type', 'hvm', { arch, machine: arch === 'x86_64' ? 'pc' : 'virt' }),
    bios === undefined ? undefined : leaf('loader', bios, { type: 'rom' }),
    kernel ? leaf('kernel', kernel.image) : undefined,
    kernel?.initrd === undefined ? undefined : leaf('initrd', kernel.initrd),
    kernel?.append === undefined ? undefined : leaf('cmdline', kernel.append),
  );
}

/** MH-9. `max` is a model of QEMU alone. */
function processor({ cpu: { mode, topology } }: Workload): Element {
  const shape = topology && element('topology', { sockets: topology.sockets, ...coresOf(topology) });
  if (mode === 'host') return element('cpu', { mode: 'host-passthrough', check: 'none' }, shape);
  if (mode === 'max') return element('cpu', { mode: 'maximum', check: 'none' }, shape);
  const model = leaf('model', mode, { fallback: 'forbid' });
  return element('cpu', { mode: 'custom', match: 'exact', check: 'none' }, model, shape);
}

function coresOf({
  cores,
  threads,
}: {
  readonly cores: number;
  readonly threads: number;
}): Record<string, number> {
  return { dies: 1, cores, threads };
}
