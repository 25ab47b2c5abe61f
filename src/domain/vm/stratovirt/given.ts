/** A text of a foreign configuration, and where it stands. */
export interface Given {
  readonly text: string;
  readonly from: string;
}

/** How a configuration is written. */
export type Style = 'json' | 'cli';

/** The devices of StratoVirt: what each is called in JSON and on the command line, and so its fields. */
export const DEVICES = {
  drive: {
    json: 'drive',
    cli: '-drive',
    fields: {
      id: { json: 'drive_id', cli: 'id' },
      file: { json: 'path_on_host', cli: 'file' },
      readonly: { json: 'read_only', cli: 'readonly' },
      direct: { json: 'direct', cli: 'direct' },
      serial: { json: 'serial_num', cli: 'serial' },
      iothread: { json: 'iothread', cli: 'iothread' },
      iops: { json: 'iops', cli: 'iops' },
    },
  },
  net: {
    json: 'net',
    cli: '-netdev',
    fields: {
      id: { json: 'iface_id', cli: 'id' },
      tap: { json: 'host_dev_name', cli: 'netdev' },
      mac: { json: 'mac', cli: 'mac' },
      iothread: { json: 'iothread', cli: 'iothread' },
    },
  },
  console: {
    json: 'console',
    cli: '-chardev',
    fields: { id: { json: 'console_id', cli: 'id' }, path: { json: 'socket_path', cli: 'path' } },
  },
  vsock: {
    json: 'vsock',
    cli: '-device',
    fields: { id: { json: 'vsock_id', cli: 'id' }, cid: { json: 'guest_cid', cli: 'guest-cid' } },
  },
  iothread: { json: 'iothread', cli: '-iothread', fields: { id: { json: 'id', cli: 'id' } } },
  balloon: {
    json: 'balloon',
    cli: '-balloon',
    fields: { deflate: { json: 'deflate_on_oom', cli: 'deflate-on-oom' } },
  },
} as const;

export type DeviceKind = keyof typeof DEVICES;
export type FieldOf<D extends DeviceKind> = keyof (typeof DEVICES)[D]['fields'] & string;

/** The fields that a device has. `from`: where the device stands. */
export interface GivenDevice<D extends DeviceKind> {
  readonly from: string;
  readonly fields: Readonly<Partial<Record<FieldOf<D>, Given>>>;
}

/** What is said of the machine as a whole. */
export type MachineWord =
  | 'name'
  | 'type'
  | 'vcpus'
  | 'memory'
  | 'hugepages'
  | 'share'
  | 'dump'
  /** The old word for the opposite of `dump`. */
  | 'omitMemory'
  | 'kernel'
  | 'append'
  | 'initrd'
  | 'paused'
  | 'serial';

/** What a configuration of StratoVirt says, however it is written; nothing of it is judged yet. */
export interface GivenConfig {
  readonly style: Style;
  readonly machine: Readonly<Partial<Record<MachineWord, Given>>>;
  readonly devices: { readonly [D in DeviceKind]: readonly GivenDevice<D>[] };
}

/** Where a field of a device stands, or would stand. */
export function placeOf(style: Style, kind: DeviceKind, from: string, field: string): string {
  const { fields }: { readonly fields: Readonly<Record<string, { json: string; cli: string }>> } =
    DEVICES[kind];
  const name = fields[field]?.[style] ?? field;
  return style === 'json' ? `${from}.${name}` : `${from} ${name}`;
}
