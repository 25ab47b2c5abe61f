import { toHex } from '../../../base/bytes.ts';
import { parseMac } from '../../../base/mac.ts';
import { nicMac } from '../../workload/mac.ts';
import { rfcUuid } from '../../workload/rfcuuid.ts';
import { formatMemory, interfaceName } from '../../workload/values.ts';
import {
  type Draft,
  type DraftProblem,
  type DraftSetting,
  type ImportOptions,
  identityNotes,
} from '../draft.ts';
import type { Note } from '../exchange.ts';
import { type JsonPlace, readJson } from '../foreign-json.ts';
import { numbered } from '../numbering.ts';
import { IMAGE_FOLDER } from './carriage.ts';
import { DISK, imageOf, NIC, nameOf } from './dictionary.ts';

/** The draft of a dictionary of FIREWHEEL. */
export function minimegaDraft(text: string, options: ImportOptions): Draft {
  const problems: DraftProblem[] = [];
  const root = readJson(text, problems);
  if (!root) return { settings: [], problems, notes: [], homes: {} };
  return new Drafting(options, problems).draft(root);
}

/** FW-5 to FW-8, FW-11, FW-18: what FIREWHEEL takes where nobody says it. */
const MEMORY = '512';
const MODEL = 'qemu64';
const NOT_CARRIED = 'pxen has no place for it';
const KEPT: Readonly<Record<string, string>> = {
  kernel: 'platform.kernel.image',
  append: 'platform.kernel.append',
  initrd: 'platform.kernel.initrd',
  bios: 'platform.bios',
};

type Found = ReadonlyMap<string, JsonPlace>;

class Drafting {
  readonly #options: ImportOptions;
  readonly #problems: DraftProblem[];
  readonly #settings: DraftSetting[] = [];
  readonly #notes: Note[] = [];
  readonly #homes: Record<string, string> = {};
  #uuid = '';
  #name = '';

  constructor(options: ImportOptions, problems: DraftProblem[]) {
    this.#options = options;
    this.#problems = problems;
  }

  draft(root: JsonPlace): Draft {
    const top = this.#known(root, ['aux', 'vm', 'coschedule', 'tags']);
    const vm = this.#section(top, root, 'vm', VM_KEYS);
    const aux = this.#section(top, root, 'aux', AUX_KEYS);
    this.#identity(vm);
    this.#machine(vm, top.get('vm'));
    this.#appended(aux);
    this.#disks(aux.get('disks'), vm);
    this.#nics(aux.get('nic'));
    this.#runtime(vm, aux, top);
    const [settings, problems, notes, homes] = [this.#settings, this.#problems, this.#notes, this.#homes];
    return { settings, problems, notes, homes };
  }

  /** FW-2. */
  #identity(vm: Found): void {
    const { fallbackName, name, sha1, uuid } = this.#options;
    this.#name = name ?? vm.get('name')?.text() ?? fallbackName;
    this.#uuid = uuid ?? vm.get('uuid')?.text() ?? rfcUuid(this.#name, sha1);
    this.#set('name', this.#name, 'vm.name');
    this.#set('uuid', this.#uuid, 'vm.uuid');
    this.#notes.push(...identityNotes(this.#options, vm.has('name'), vm.has('uuid')));
  }

  /** FW-3 to FW-6. */
  #machine(vm: Found, place: JsonPlace | undefined): void {
    const type = vm.get('type');
    if (type && type.value !== 'QemuVM') type.wrong('QemuVM, the only type that there is');
    const arch = vm.get('architecture');
    if (arch) this.#take('platform.arch', arch);
    else place?.missing('architecture', `the architecture of the processor (${this.#name} must define one)`);
    this.#memory(vm.get('memory'));
    this.#set('platform.cpu.mode', vm.get('vcpu_model')?.text() ?? MODEL, 'vm.vcpu_model');
    const [sockets, cores, threads] = (['sockets', 'cores', 'threads'] as const).map(
      level => vm.get(`smp_${level}`)?.text() ?? '1',
    );
    // Cores of one socket are what a bare number of vCPUs is.
    if (sockets === '1' && threads === '1') this.#set('platform.cpu.threads', cores ?? '1', 'vm.smp_cores');
    else
      for (const [level, text] of Object.entries({ sockets, cores, threads }))
        this.#set(`platform.cpu.topology.${level}`, text ?? '1', `vm.smp_${level}`);
  }

  #memory(place: JsonPlace | undefined): void {
    const text = place?.text() ?? MEMORY;
    this.#homes['platform.memory.size'] = 'vm.memory';
    if (/^[1-9]\d{0,9}$/.test(text))
      this.#set('platform.memory.size', formatMemory(Number(text) * 1024 ** 2), 'vm.memory');
    else place?.wrong('a whole number of MiB');
  }

  /** FW-20. */
  #appended(aux: Found): void {
    for (const [name, place] of aux.get('qemu_append')?.entries() ?? []) {
      const value = place.value === null ? '' : place.text();
      if (value !== undefined)
        this.#set(KEPT[name] ?? `runtime.append.${name}`, value, `aux.qemu_append.${name}`);
    }
  }

  /** FW-17, FW-18. */
  #disks(place: JsonPlace | undefined, vm: Found): void {
    const paths: string[] = [];
    for (const { found, id, item } of this.#numbered(place, DISK, DISK_KEYS)) {
      const at = `platform.volume.${id}`;
      const file = found.get('file')?.text();
      const path = found.get('path')?.text() ?? file;
      if (path === undefined) item.missing('path', `the path of the disk (required on ${this.#name})`);
      const local = path?.startsWith('/') ? path : `${IMAGE_FOLDER}/${path ?? 'disk'}`;
      paths.push(local);
      this.#set(`${at}.type`, 'qcow2', item.path);
      this.#set(`${at}.path`, local, `${item.path}.path`);
      this.#set(`${at}.writable`, '1', item.path);
      this.#take(`${at}.interface`, found.get('interface'), 'virtio');
      this.#take(`${at}.cache`, found.get('cache'), 'writeback');
      this.#note(
        `${at}.source`,
        `name where ${nameOf(local)} is fetched from, else it must be at ${local} already`,
      );
      const packed = found.get('db_path')?.text();
      if (packed !== undefined && packed !== `${file}.xz`) this.#note(`${item.path}.db_path`, NOT_CARRIED);
    }
    const image = vm.get('image')?.text();
    const [first] = paths;
    const derived = first === undefined ? '' : imageOf({ volumes: [diskAt(first)] });
    if (image !== undefined && image !== derived) this.#set('platform.image', image, 'vm.image');
  }

  /** FW-10 to FW-14. */
  #nics(place: JsonPlace | undefined): void {
    for (const { found, id, item } of this.#numbered(place, NIC, NIC_KEYS)) {
      const at = `network.${id}`;
      const type = found.get('type');
      if (type && type.value !== 'tap') type.wrong('tap, the only type of NIC that there is');
      this.#set(`${at}.type`, 'bridge', item.path);
      this.#switch(at, found.get('switch_name'), item);
      this.#mac(at, id, found.get('mac'), item);
      this.#take(`${at}.driver`, found.get('driver'));
      this.#take(`${at}.queue-tap`, found.get('interface'));
      this.#take(`${at}.ip`, found.get('ip'));
      this.#quality(at, found.get('qos'), item);
      for (const key of ['bus', 'bus_addr'])
        if (found.has(key)) this.#note(`${item.path}.${key}`, NOT_CARRIED);
    }
  }

  /** Names of switches are longer than those of interfaces may be: the bridge gets one that is made of it. */
  #switch(at: string, place: JsonPlace | undefined, item: JsonPlace): void {
    const name = place?.text();
    if (name === undefined) {
      item.missing('switch_name', `the switch that it is on (required on ${this.#name})`);
      this.#homes[`${at}.bridge`] = `${item.path}.switch_name`;
      return;
    }
    const from = `${item.path}.switch_name`;
    const isBridge = 'value' in interfaceName(name);
    const hash = toHex(this.#options.sha256(new TextEncoder().encode(name)));
    const bridge = isBridge ? name : `sw${hash.slice(0, 10)}`;
    this.#set(`${at}.bridge`, bridge, from);
    if (isBridge) return;
    this.#set(`${at}.switch`, name, from);
    this.#note(`${at}.bridge`, `${bridge} stands for ${name}: the node needs a bridge of this name`);
  }

  #mac(at: string, id: number, place: JsonPlace | undefined, item: JsonPlace): void {
    if (!place) item.missing('mac', `a MAC address (required on ${this.#name})`);
    const text = place?.text();
    const own = nicMac(this.#uuid, { id, type: 'bridge' }, this.#options.sha256);
    if (text !== undefined && parseMac(text) !== own) this.#set(`${at}.mac`, text, `${item.path}.mac`);
  }

  #quality(at: string, place: JsonPlace | undefined, item: JsonPlace): void {
    if (!place) item.missing('qos', `loss, delay and rate, null for none (required on ${this.#name})`);
    const found = place
      ? this.#known(place, ['loss', 'delay', 'rate', 'unit'])
      : new Map<string, JsonPlace>();
    for (const key of ['loss', 'delay', 'rate'] as const) this.#take(`${at}.qos.${key}`, found.get(key));
    if (found.has('rate')) this.#take(`${at}.qos.unit`, found.get('unit'));
  }

  /** FW-7 to FW-9, FW-21, FW-25, FW-26. */
  #runtime(vm: Found, aux: Found, top: Found): void {
    this.#take('runtime.vga', vm.get('vga_model'));
    this.#take('runtime.power-state', aux.get('power_state'));
    this.#take('runtime.control-ip', aux.get('control_ip'), '');
    const agent = aux.get('qga_config');
    if (agent && agent.entries().length > 0) this.#set('runtime.qga', '1', agent.path);
    if (aux.has('raw_device_configs')) this.#note('aux.raw_device_configs', NOT_CARRIED);
    for (const [key, place] of top.get('tags')?.entries() ?? []) this.#take(`runtime.tag.${key}`, place);
    this.#take('placement.coschedule', top.get('coschedule'));
  }

  #section(top: Found, root: JsonPlace, key: string, known: readonly string[]): Found {
    const place = top.get(key);
    if (!place) root.missing(key, 'an object');
    return place ? this.#known(place, known) : new Map();
  }

  /** Of an object; what pxen does not know is told as a loss. */
  #known(place: JsonPlace, keys: readonly string[]): Found {
    return place.object(keys, path => this.#note(path, NOT_CARRIED));
  }

  #numbered(
    place: JsonPlace | undefined,
    prefix: string,
    keys: readonly string[],
  ): { readonly item: JsonPlace; readonly found: Found; readonly id: number }[] {
    const items = (place?.items() ?? []).map(item => ({ item, found: this.#known(item, keys) }));
    const names = items.map(({ found }, at) => found.get('id')?.text() ?? `${prefix}${at}`);
    const ids = numbered(names, prefix);
    return items.map((each, at) => ({ ...each, id: ids[at]?.id ?? at }));
  }

  /** Nothing for a text that says what its absence says. */
  #take(key: string, place: JsonPlace | undefined, absent?: string): void {
    const text = place?.text();
    if (place && text !== undefined && text !== absent) this.#set(key, text, place.path);
  }

  #set(key: string, value: string, from: string): void {
    this.#settings.push({ key, value, from });
  }

  #note(key: string, text: string): void {
    this.#notes.push({ key, text });
  }
}

const VM_KEYS = [
  'uuid',
  'type',
  'architecture',
  'name',
  'image',
  'vcpu_model',
  'smp_name',
  'smp_id',
  'smp_sockets',
  'smp_cores',
  'smp_threads',
  'memory',
  'vga_model',
];
const AUX_KEYS = [
  'qemu_append',
  'control_ip',
  'power_state',
  'nic',
  'disks',
  'qemu_append_str',
  'qga_config',
  'minimegaqmp',
  'handler_process',
  'raw_device_configs',
];
const NIC_KEYS = [
  'name',
  'id',
  'switch_name',
  'type',
  'interface',
  'driver',
  'bus',
  'bus_addr',
  'mac',
  'qos',
  'ip',
];
const DISK_KEYS = ['name', 'id', 'file', 'path', 'db_path', 'interface', 'cache'];

function diskAt(path: string): Parameters<typeof imageOf>[0]['volumes'][number] {
  return { id: 0, type: 'qcow2', path, writable: true, ephemeral: true };
}
