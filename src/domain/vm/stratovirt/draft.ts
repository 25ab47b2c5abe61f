import { quote } from '../../../base/diagnostic.ts';
import { parseMac } from '../../../base/mac.ts';
import { nicMac } from '../../workload/mac.ts';
import { rfcUuid } from '../../workload/rfcuuid.ts';
import { formatMemory } from '../../workload/values.ts';
import {
  type Draft,
  type DraftProblem,
  type DraftSetting,
  type ImportOptions,
  identityNotes,
} from '../draft.ts';
import type { Note } from '../exchange.ts';
import { tapName } from '../machine.ts';
import { type Numbered, numbered } from '../numbering.ts';
import { WORKLOADS_FOLDER } from '../statefiles.ts';
import { CONSOLE, DRIVE, NET, VSOCK } from './config.ts';
import {
  type DeviceKind,
  type FieldOf,
  type Given,
  type GivenConfig,
  type GivenDevice,
  placeOf,
  type Style,
} from './given.ts';

const MIB = 1024 ** 2;
/** What StratoVirt takes where nobody says it (SV-1, SV-2). */
const DEFAULT_MEMORY = 256 * MIB;
const MOST_MEMORY = 512 * 1024 * MIB;

/** The draft of a configuration of StratoVirt. */
export function stratovirtDraft(config: GivenConfig, options: ImportOptions): Draft {
  return new Drafting(config, options).draft();
}

class Drafting {
  readonly #config: GivenConfig;
  readonly #options: ImportOptions;
  readonly #name: Given;
  readonly #uuid: string;
  readonly #settings: DraftSetting[] = [];
  readonly #problems: DraftProblem[] = [];
  readonly #notes: Note[] = [];
  readonly #homes: Record<string, string>;

  constructor(config: GivenConfig, options: ImportOptions) {
    this.#config = config;
    this.#options = options;
    this.#homes = { ...HOMES[config.style] };
    const { name: chosen } = options;
    this.#name =
      chosen === undefined
        ? (config.machine.name ?? { text: options.fallbackName, from: 'name' })
        : { text: chosen, from: 'name' };
    this.#uuid = options.uuid ?? rfcUuid(this.#name.text, options.sha1);
  }

  draft(): Draft {
    this.#set('name', this.#name);
    this.#set('uuid', { text: this.#uuid, from: 'uuid' });
    this.#notes.push(...identityNotes(this.#options, this.#config.machine.name !== undefined, false));
    this.#set('platform.engine', { text: 'stratovirt', from: 'platform.engine' });
    this.#machine();
    this.#drives();
    this.#nets();
    this.#consoles();
    this.#others();
    return {
      settings: this.#settings,
      problems: this.#problems,
      notes: this.#notes,
      homes: this.#homes,
    };
  }

  #machine(): void {
    const { machine } = this.#config;
    const { append, hugepages, initrd, kernel, memory, paused, serial, type, vcpus } = machine;
    if (type && type.text.toLowerCase() !== 'microvm')
      this.#wrong(type, 'MicroVm, the only type of machine that StratoVirt has here');
    if (memory) this.#homes['platform.memory.size'] = memory.from;
    this.#set('platform.memory.size', memory ? this.#memory(memory) : assumed(formatMemory(DEFAULT_MEMORY)));
    this.#set('platform.memory.hugepages', hugepages);
    this.#set('platform.memory.share', this.#flag(machine.share));
    this.#set('platform.memory.dump', this.#dump());
    this.#set('platform.cpu.threads', vcpus ?? assumed('1'));
    this.#set('platform.kernel.image', kernel);
    this.#set('platform.kernel.append', append);
    this.#set('platform.kernel.initrd', initrd);
    this.#set('runtime.power-state', paused && { ...paused, text: 'paused' });
    if (serial === undefined || serial.text === 'false')
      this.#note('serial', 'every workload of pxen has a serial console');
  }

  /** `omit_vm_memory` is how older versions say that the memory is not dumped. */
  #dump(): Given | undefined {
    const { dump, omitMemory } = this.#config.machine;
    const omit = this.#flag(omitMemory);
    const asked = this.#flag(dump);
    if (!omit) return asked;
    const meant = { ...omit, text: omit.text === '1' ? '0' : '1' };
    if (omitMemory && asked && asked.text !== meant.text)
      this.#wrong(omitMemory, `what ${asked.from} says, or nothing`);
    return meant;
  }

  #drives(): void {
    const drives = this.#named('drive', DRIVE);
    for (const { device, number } of drives) {
      const at = `platform.volume.${number.id}`;
      const { direct, file, id, iops, iothread, readonly, serial } = device.fields;
      this.#set(`${at}.type`, { text: 'qcow2', from: device.from });
      this.#set(`${at}.path`, file ?? this.#lacking('drive', device, 'file', `${at}.path`));
      const isReadOnly = this.#flag(readonly)?.text === '1';
      if (!isReadOnly) this.#set(`${at}.writable`, { text: '1', from: readonly?.from ?? device.from });
      // The file is somebody's, and must not go with the workload.
      this.#set(`${at}.ephemeral`, { text: '0', from: device.from });
      // StratoVirt goes around the page cache where it is not told otherwise (SV-11).
      const isDirect = direct === undefined || this.#flag(direct)?.text !== '0';
      if (isDirect) this.#set(`${at}.direct`, { text: '1', from: direct?.from ?? device.from });
      this.#set(`${at}.serial`, serial);
      this.#set(`${at}.iops`, iops);
      this.#set(`${at}.iothread`, iothread);
      this.#set(`${at}.alias`, number.alias === undefined ? undefined : id);
      this.#note(
        `${at}.source`,
        'pxen starts with files that it placed itself: name where it is fetched from',
      );
    }
  }

  #nets(): void {
    const { bridge, sha256 } = this.#options;
    for (const { device, number } of this.#named('net', NET)) {
      const { id } = number;
      const at = `network.${id}`;
      const { iothread, mac, tap } = device.fields;
      const ownMac = nicMac(this.#uuid, { id, type: 'bridge' }, sha256);
      this.#set(`${at}.type`, { text: 'bridge', from: device.from });
      this.#set(`${at}.bridge`, { text: bridge, from: `${at}.bridge` });
      this.#note(
        `${at}.bridge`,
        `${bridge} is assumed, StratoVirt knows taps alone; --bridge names another one`,
      );
      this.#set(`${at}.mac`, mac && parseMac(mac.text) === ownMac ? undefined : mac);
      const name = tap ?? this.#lacking('net', device, 'tap');
      this.#set(`${at}.queue-tap`, name?.text === tapName(this.#uuid, id, sha256) ? undefined : name);
      this.#set(`${at}.iothread`, iothread);
      this.#set(`${at}.alias`, number.alias === undefined ? undefined : device.fields.id);
    }
  }

  #consoles(): void {
    for (const { device, number } of this.#named('console', CONSOLE)) {
      const at = `runtime.console.virtio.${number.id}`;
      const path = device.fields.path ?? this.#lacking('console', device, 'path', `${at}.path`);
      this.#set(`${at}.path`, path && { ...path, text: path.text.replace(STATE_FOLDER, '') });
      this.#set(`${at}.alias`, number.alias === undefined ? undefined : device.fields.id);
    }
  }

  #others(): void {
    const { balloon, iothread, vsock } = this.#config.devices;
    for (const [at, device] of iothread.entries())
      this.#set(`platform.iothread.${at}`, device.fields.id ?? this.#lacking('iothread', device, 'id'));
    this.#once(vsock, 'one vsock');
    this.#once(balloon, 'one balloon');
    const [socket] = vsock;
    if (socket) {
      const { cid, id } = socket.fields;
      this.#set('platform.vsock.cid', cid ?? this.#lacking('vsock', socket, 'cid'));
      const alias = id ?? this.#lacking('vsock', socket, 'id');
      if (cid) this.#set('platform.vsock.alias', alias?.text === VSOCK ? undefined : alias);
    }
    const [first] = balloon;
    if (!first) return;
    const deflates = this.#flag(first.fields.deflate)?.text === '1';
    this.#set('platform.balloon', { text: deflates ? 'deflate-on-oom' : 'fixed', from: first.from });
  }

  /** Devices of a kind with their numbers; one without a name is told of and left out. */
  #named<D extends 'drive' | 'net' | 'console'>(
    kind: D,
    prefix: string,
  ): { readonly device: GivenDevice<D>; readonly number: Numbered }[] {
    const devices = this.#config.devices[kind] as readonly GivenDevice<D>[];
    const named = devices.flatMap(device => {
      const fields: Readonly<Partial<Record<string, Given>>> = device.fields;
      const name = fields['id'] ?? this.#lacking(kind, device, 'id' as FieldOf<D>);
      return name ? [{ device, name: name.text }] : [];
    });
    const numbers = numbered(
      named.map(({ name }) => name),
      prefix,
    );
    return named.map(({ device }, at) => ({ device, number: numbers[at] ?? { id: at } }));
  }

  #once(devices: readonly { readonly from: string }[], what: string): void {
    const second = devices[1];
    if (second) this.#problems.push({ key: second.from, got: 'a second one', expected: `at most ${what}` });
  }

  #set(key: string, given: Given | undefined): void {
    if (given) this.#settings.push({ key, value: given.text, from: given.from });
  }

  #note(key: string, text: string): void {
    this.#notes.push({ key, text });
  }

  #wrong({ from, text }: Given, expected: string): void {
    this.#problems.push({ key: from, got: text === '' ? '' : quote(text), expected });
  }

  /** `home`: the key of the workload that it would be. */
  #lacking<D extends DeviceKind>(
    kind: D,
    { from }: GivenDevice<D>,
    field: FieldOf<D>,
    home?: string,
  ): undefined {
    const key = placeOf(this.#config.style, kind, from, field);
    if (home !== undefined) this.#homes[home] = key;
    this.#problems.push({ key, expected: 'a value, StratoVirt cannot do without it' });
  }

  /** 1 or 0 (SV-18). */
  #flag(given: Given | undefined): Given | undefined {
    if (!given) return undefined;
    const words = FLAGS[this.#config.style];
    const value = words.on.includes(given.text) ? '1' : words.off.includes(given.text) ? '0' : undefined;
    if (value !== undefined) return { ...given, text: value };
    this.#wrong(given, [...words.on, ...words.off].join(', '));
    return undefined;
  }

  /** SV-2, SV-10: bytes, or a number with M or G. */
  #memory(given: Given): Given | undefined {
    const [, digits = '', unit = ''] = /^(\d{1,15})([mMgG]?)$/.exec(given.text) ?? [];
    const bytes = Number(digits) * (UNITS[unit.toUpperCase()] ?? 1);
    if (digits !== '' && bytes > 0 && bytes <= MOST_MEMORY && bytes % MIB === 0)
      return { ...given, text: formatMemory(bytes) };
    this.#wrong(given, '256M to 512G, in bytes or with M or G behind it, in whole MiB');
    return undefined;
  }
}

const UNITS: Readonly<Record<string, number>> = { M: MIB, G: 1024 * MIB };

const FLAGS: Readonly<Record<Style, { readonly on: readonly string[]; readonly off: readonly string[] }>> = {
  json: { on: ['true'], off: ['false'] },
  cli: { on: ['true', 'on', 'yes'], off: ['false', 'off', 'no'] },
};

/** Sockets that pxen put into a state folder. */
const STATE_FOLDER = new RegExp(`^${WORKLOADS_FOLDER}/[^/]+/(?=[^/]+$)`);

const HOMES: Readonly<Record<Style, Draft['homes']>> = {
  json: {
    'platform.kernel.image': 'boot-source.kernel_image_path',
    'platform.kernel.append': 'boot-source.boot_args',
    'platform.kernel.initrd': 'boot-source.initrd_fs_path',
  },
  cli: {
    'platform.kernel.image': '-kernel',
    'platform.kernel.append': '-append',
    'platform.kernel.initrd': '-initrd',
  },
};

/** What StratoVirt takes by itself. */
function assumed(text: string): Given {
  return { text, from: 'default' };
}
