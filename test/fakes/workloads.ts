import fc from 'fast-check';
import { ipv4FromNumber } from '../../src/base/ipv4.ts';
import { macFromBytes } from '../../src/base/mac.ts';
import { product } from '../../src/domain/workload/topology.ts';
import {
  BALLOONS,
  type BootEntry,
  CACHES,
  type Console,
  DRIVERS,
  ENGINES,
  INTERFACES,
  type Interface,
  type Nic,
  type Quality,
  RATE_UNITS,
  VGAS,
  VOLUME_FORMATS,
  type Volume,
  type Workload,
} from '../../src/domain/workload/workload.ts';

const word = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/).filter(text => text !== '.' && text !== '..');
/** No U+FFFD: where a file has one, it was not UTF-8 (see domain/workload/lines.ts). */
const name = fc
  .oneof(fc.stringMatching(/^[ -.0-~]{1,128}$/), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }))
  .filter(text => /^[^\p{C}\p{Zl}\p{Zp}/\ufffd]{1,128}$/u.test(text) && text.trim() === text);
const segment = fc
  .oneof(
    fc.stringMatching(/^[a-z0-9 .,=#_-]{1,20}$/),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
  )
  .map(text => `x${text.replace(/[\p{C}\p{Zl}\p{Zp}/\ufffd]/gu, '')}x`);
const path = fc.array(segment, { minLength: 1, maxLength: 6 }).map(parts => `/srv/${parts.join('/')}`);
const url = fc.webUrl({ withQueryParameters: true });
const sha256 = fc.stringMatching(/^[0-9a-f]{64}$/);
const memory = fc
  .tuple(fc.integer({ min: 1, max: 1024 }), fc.integer({ min: 1, max: 3 }))
  .map(([count, power]) => count * 1024 ** power);
const mac = fc
  .uint8Array({ minLength: 5, maxLength: 5 })
  .map(rest => macFromBytes(Uint8Array.of(0x52, ...rest)));
const bridge = fc.stringMatching(/^[a-z][a-z0-9._-]{0,14}$/);

/** All keys that may be absent are, or are not, present with `undefined`; nothing depends on which. */
function maybe<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined });
}

const volume: fc.Arbitrary<Volume> = fc
  .record({
    id: fc.nat(999),
    type: fc.constantFrom('qcow2', 'iso'),
    path,
    source: maybe(fc.oneof(url, path)),
    sha256: maybe(sha256),
    writable: fc.boolean(),
    ephemeral: fc.boolean(),
  })
  .map(given => ({
    ...given,
    writable: given.writable && given.type === 'qcow2',
    source: given.source === given.path ? undefined : given.source,
  }))
  .map(given => ({ ...given, sha256: given.source === undefined ? undefined : given.sha256 }));

const nic: fc.Arbitrary<Nic> = fc
  .record({ id: fc.nat(999), type: fc.constantFrom('bridge', 'nat'), bridge, mac: maybe(mac) })
  .map(given => ({ ...given, bridge: given.type === 'bridge' ? given.bridge : undefined }));

const console: fc.Arbitrary<Console> = fc.oneof(
  fc.record({ type: fc.constant('serial-tcp' as const), id: maybe(fc.nat(57_635)) }),
  fc.record({ type: fc.constant('serial-socket' as const) }),
  fc.record({ type: fc.constant('vnc' as const), id: fc.nat(59_635) }),
);

function byId<T extends { readonly id: number }>(
  item: fc.Arbitrary<T>,
  ...distinct: ((given: T) => unknown)[]
): fc.Arbitrary<T[]> {
  return fc
    .array(item, { maxLength: 5 })
    .map(items =>
      items.filter((given, at) =>
        [(one: T) => one.id, ...distinct].every(
          of => of(given) === undefined || items.findIndex(other => of(other) === of(given)) === at,
        ),
      ),
    )
    .map(items => items.toSorted((a, b) => a.id - b.id));
}

function bootOf(volumes: readonly Volume[], nics: readonly Nic[]): fc.Arbitrary<BootEntry[] | undefined> {
  const entries: BootEntry[] = [
    ...volumes.map(({ id }) => ({ volume: id })),
    ...nics.map(({ id }) => ({ nic: id })),
  ];
  if (entries.length === 0) return fc.constant(undefined);
  return maybe(fc.shuffledSubarray(entries, { minLength: 1 }));
}

/** Any workload that QEMU runs from a file of the source document's keys. */
export const anyWorkload: fc.Arbitrary<Workload> = fc
  .record({
    name,
    uuid: word,
    engine: fc.constant('qemu' as const),
    memory: memory.map(bytes => ({ bytes })),
    cpu: fc.record({ threads: fc.integer({ min: 1, max: 4096 }), mode: fc.oneof(fc.constant('host'), word) }),
    volumes: byId(volume, ({ path: file }) => file),
    nics: byId(nic, given => given.mac),
    console,
    autostart: fc.boolean(),
    placement: fc.record({ node: maybe(name) }),
  })
  .chain(given => bootOf(given.volumes, given.nics).map(boot => ({ ...given, boot })));

/** Not as devices are called that have none. */
const alias = fc.stringMatching(/^[A-Z][A-Za-z0-9_-]{0,20}$/);
const placeWord = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/);
const cidr = fc
  .tuple(fc.nat(0xffffffff), fc.nat(32))
  .map(([number, prefix]) => ({ address: ipv4FromNumber(number), prefix }));
const socket = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9_-]{0,20}$/),
  fc.stringMatching(/^\/srv\/[ -.0-~]{0,40}x$/),
);
const quality: fc.Arbitrary<Quality> = fc.oneof(
  fc.record({
    rate: fc.record({ value: fc.integer({ min: 1, max: 1e6 }), unit: fc.constantFrom(...RATE_UNITS) }),
  }),
  fc.record({ loss: fc.nat(999_999).map(count => count / 10_000), delay: maybe(fc.nat(3_600_000_000)) }),
  fc.record({ delay: fc.nat(3_600_000_000) }),
);

/** With the keys of checklist 5.1. */
const furnishedVolume: fc.Arbitrary<Volume> = fc
  .record({
    plain: volume,
    format: maybe(fc.constantFrom(...VOLUME_FORMATS)),
    interface: maybe(fc.constantFrom(...INTERFACES)),
    cache: maybe(fc.constantFrom(...CACHES)),
    direct: maybe(fc.boolean()),
    serial: maybe(fc.stringMatching(/^[A-Za-z0-9._+-]{1,20}$/)),
    iops: maybe(fc.nat(1_000_000)),
    size: maybe(memory),
    pool: maybe(placeWord),
    alias: maybe(alias),
  })
  .map(({ plain, ...more }) => {
    const isDisc = plain.type === 'iso';
    const aroundCache = more.cache === 'none' || more.cache === 'directsync';
    return {
      ...plain,
      ...more,
      format: isDisc ? undefined : more.format,
      interface: isDisc ? undefined : more.interface,
      writable: !isDisc && (plain.writable || more.interface === 'ahci' || more.interface === 'ide'),
      direct: more.direct === undefined || more.cache === undefined ? more.direct : aroundCache,
      size: isDisc || plain.source !== undefined ? undefined : more.size,
    };
  });

const furnishedNic: fc.Arbitrary<Nic> = fc
  .record({
    plain: nic,
    driver: maybe(fc.constantFrom(...DRIVERS.filter(driver => driver !== 'virtio-net-pci'))),
    tap: maybe(bridge),
    switch: maybe(fc.stringMatching(/^[!-+--~]{1,30}$/)),
    ip: maybe(cidr),
    filter: maybe(alias),
    qos: maybe(quality),
    alias: maybe(alias),
  })
  .map(({ plain, ...more }) =>
    plain.type === 'bridge'
      ? { ...plain, ...more }
      : { ...plain, driver: more.driver, ip: more.ip, alias: more.alias },
  );

const furniture = fc.record(
  {
    arch: fc.constant('aarch64' as const),
    hugepages: path,
    share: fc.constant(true),
    dump: fc.constant(false),
    topology: fc.record({
      sockets: fc.integer({ min: 1, max: 16 }),
      cores: fc.integer({ min: 1, max: 16 }),
      threads: fc.integer({ min: 1, max: 16 }),
    }),
    kernel: fc.record({
      image: path,
      append: maybe(fc.stringMatching(/^[!-~][ -~]{0,40}[!-~]$/)),
      initrd: maybe(path),
    }),
    bios: fc.oneof(path, fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/)),
    image: name,
    balloon: fc.constantFrom(...BALLOONS),
    vsock: fc.record({
      cid: fc.oneof(fc.constant('auto' as const), fc.integer({ min: 3, max: 4_294_967_294 })),
      alias: maybe(alias),
    }),
    iothreads: fc.uniqueArray(alias, { minLength: 1, maxLength: 4 }),
    devices: fc.uniqueArray(fc.record({ id: fc.nat(999), type: placeWord }), {
      minLength: 1,
      maxLength: 3,
      selector: ({ id }) => id,
    }),
    virtioConsoles: fc.uniqueArray(fc.record({ id: fc.nat(999), path: socket }), {
      minLength: 1,
      maxLength: 3,
      selector: ({ id }) => id,
    }),
    vga: fc.constantFrom(...VGAS.filter(vga => vga !== 'std')),
    powerState: fc.constant('paused' as const),
    qga: fc.constant(true),
    append: fc.uniqueArray(
      fc.record({
        name: fc.stringMatching(/^[a-z][a-z-]{8,12}$/),
        value: fc.oneof(fc.constant(''), fc.stringMatching(/^[!-~]{1,20}$/)),
      }),
      { minLength: 1, maxLength: 3, selector: option => option.name },
    ),
    tags: fc.uniqueArray(
      fc.record({ key: placeWord.map(key => key.slice(0, 20)), value: fc.stringMatching(/^[!-~]{1,20}$/) }),
      { minLength: 1, maxLength: 3, selector: tag => tag.key },
    ),
    controlIp: fc.nat(0xffffffff).map(ipv4FromNumber),
    realm: placeWord,
    coschedule: fc.nat(4096),
    group: placeWord,
  },
  { requiredKeys: [] },
);

const HUGE_PAGE = 2 * 1024 ** 2;

/** Devices that have names of their own: aliases that stand there twice are dropped. */
function distinctly<T extends { readonly alias?: string | undefined }>(
  items: readonly T[],
  taken: Set<string>,
): T[] {
  return items.map(item => {
    const { alias: given } = item;
    const isNew = given !== undefined && !taken.has(given);
    if (isNew) taken.add(given);
    return { ...item, alias: isNew ? given : undefined };
  });
}

function byKey<T>(items: readonly T[], of: (item: T) => number | string): T[] {
  return items.toSorted((a, b) => (of(a) < of(b) ? -1 : 1));
}

/** How many the board has places for. */
const ROOM: Readonly<Partial<Record<Interface, number>>> = { ide: 4, floppy: 2, pflash: 2 };

function withRoom(volumes: readonly Volume[]): Volume[] {
  return volumes.map(each => {
    const alike = volumes.filter(other => other.interface === each.interface);
    const most = (each.interface && ROOM[each.interface]) ?? Number.POSITIVE_INFINITY;
    return alike.indexOf(each) < most ? each : { ...each, interface: 'scsi' };
  });
}

/** Not every device has a serial number and a name. */
function withKnownKeys(volume: Volume): Volume {
  const { alias: given, interface: on, serial } = volume;
  const isPlain = on === 'floppy' || on === 'pflash';
  return {
    ...volume,
    serial: isPlain ? undefined : serial,
    alias: on === 'pflash' ? undefined : given,
  };
}

/** Any workload at all that a file can describe, whether its engine can do all of it or not. */

export const furnishedWorkload: fc.Arbitrary<Workload> = fc
  .record({
    plain: anyWorkload,
    engine: fc.constantFrom(...ENGINES),
    volumes: byId(furnishedVolume, ({ path: file }) => file),
    nics: byId(
      furnishedNic,
      given => given.mac,
      given => given.tap,
    ),
    more: furniture,
    useThread: fc.array(fc.boolean(), { minLength: 10, maxLength: 10 }),
  })
  .map(({ engine, more, nics, plain, useThread, volumes }) => {
    const { hugepages, share, dump, topology, realm, coschedule, group, iothreads, ...rest } = more;
    const bytes =
      hugepages === undefined ? plain.memory.bytes : Math.ceil(plain.memory.bytes / HUGE_PAGE) * HUGE_PAGE;
    const taken = new Set<string>();
    const uses = [...useThread];
    const thread = (): string | undefined => (uses.pop() ? iothreads?.[0] : undefined);
    return {
      ...plain,
      ...rest,
      engine,
      boot: undefined,
      memory: { bytes, hugepages, share, dump },
      cpu: topology ? { threads: product(topology), mode: plain.cpu.mode, topology } : plain.cpu,
      balloon: hugepages === undefined ? rest.balloon : undefined,
      iothreads: iothreads?.map((threadName, id) => ({ id, name: threadName })),
      devices: rest.devices && byKey(rest.devices, ({ id }) => id),
      bios: volumes.some(each => each.interface === 'pflash') ? undefined : rest.bios,
      volumes: withRoom(distinctly(volumes, taken)).map(each => ({
        ...withKnownKeys(each),
        iothread: each.type === 'qcow2' && (each.interface ?? 'virtio') === 'virtio' ? thread() : undefined,
      })),
      nics: distinctly(nics, taken).map(each => ({ ...each, iothread: thread() })),
      vsock: rest.vsock && { ...rest.vsock, ...distinctly([rest.vsock], taken)[0] },
      virtioConsoles:
        rest.virtioConsoles &&
        byKey(
          rest.virtioConsoles.map(({ id, path: at }) => ({ id, path: `${at}${id}` })),
          ({ id }) => id,
        ),
      append: rest.append && byKey(rest.append, option => option.name),
      tags: rest.tags && byKey(rest.tags, ({ key }) => key),
      placement: { ...plain.placement, realm, coschedule, group },
    };
  });

const WHOLE = 2 * 1024 ** 2;

/** Any workload that StratoVirt runs, with devices counted from 0. */
export const stratovirtWorkload: fc.Arbitrary<Workload> = furnishedWorkload.map(given => {
  const { bios: _bios, append: _append, devices: _devices, qga: _qga, vga: _vga, ...rest } = given;
  const { balloon, memory: asked, nics, virtioConsoles, volumes, vsock } = rest;
  const clean = (text: string): string => text.replace(/[,"=\\]/g, '_');
  const bytes = Math.min(Math.max(Math.ceil(asked.bytes / WHOLE) * WHOLE, 256 * 1024 ** 2), 512 * 1024 ** 3);
  const disks = volumes.filter(each => each.type === 'qcow2');
  return {
    ...rest,
    name: rest.name.replace(/^-/, '_'),
    engine: 'stratovirt',
    arch: undefined,
    memory: { ...asked, bytes, hugepages: asked.hugepages && clean(asked.hugepages) },
    cpu: { threads: Math.min(rest.cpu.threads, 254), mode: 'host' },
    kernel: {
      image: clean(rest.kernel?.image ?? '/srv/vmlinuz'),
      append: rest.kernel?.append && clean(rest.kernel.append).replace(/^-/, '_'),
      initrd: '/srv/initrd',
    },
    // Two devices are all that StratoVirt has room for.
    balloon,
    vsock: balloon && virtioConsoles ? undefined : vsock,
    virtioConsoles: virtioConsoles
      ?.slice(0, vsock || balloon ? 1 : 2)
      .map((each, id) => ({ ...each, id, path: clean(each.path) })),
    volumes: disks.slice(0, 6).map((each, id) => ({
      ...each,
      id,
      path: `${clean(each.path)}${id}`,
      format: each.format && 'raw',
      interface: each.interface && 'virtio',
      cache: undefined,
      size: undefined,
      pool: undefined,
    })),
    nics: nics
      .filter(each => each.type === 'bridge')
      .slice(0, 2)
      .map((each, id) => ({ ...each, id, driver: undefined, filter: undefined })),
    console: rest.console.type === 'vnc' ? { type: 'serial-socket' } : rest.console,
  };
});

/** Any workload that the dictionary of FIREWHEEL has a place for, and some that it has not. */
export const minimegaWorkload: fc.Arbitrary<Workload> = fc
  .record({
    given: furnishedWorkload,
    name: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9.-]{0,20}$/),
    uuid: fc.uuid(),
  })
  .map(({ given, name: hostName, uuid }) => {
    const file = (text: string): string => (text.split('/').at(-1) ?? '').replace(/[,\s"'\\#]/g, '_');
    const bytes = Math.ceil(given.memory.bytes / WHOLE) * WHOLE;
    return {
      ...given,
      name: hostName,
      uuid,
      memory: { ...given.memory, bytes },
      volumes: given.volumes.map(each => ({ ...each, path: `/tmp/images/${file(each.path)}${each.id}` })),
      append: given.append?.map(each => ({ ...each, value: each.value.replace(/["'\\#]/g, '_') })),
    };
  });

/** Any workload that libvirt runs, on a node that has every device. */
export const libvirtWorkload: fc.Arbitrary<Workload> = furnishedWorkload.map(given => {
  const { append: _append, bios, devices: _devices, nics, volumes, ...rest } = given;
  return {
    ...rest,
    engine: 'libvirt',
    bios: bios?.startsWith('/') ? bios : undefined,
    nics: nics.map(each => ({ ...each, iothread: undefined })),
    volumes: volumes.map(each => ({
      ...each,
      interface: ['sd', 'mtd', 'pflash'].includes(each.interface ?? '') ? undefined : each.interface,
    })),
  };
});
