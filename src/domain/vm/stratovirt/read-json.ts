import type { DraftProblem } from '../draft.ts';
import { type JsonPlace, readJson } from '../foreign-json.ts';
import {
  DEVICES,
  type DeviceKind,
  type Given,
  type GivenConfig,
  type GivenDevice,
  type MachineWord,
} from './given.ts';

/** Keys of `boot-source` and `machine-config` (SV-23), with the spellings of the document's text and of older versions. */
const BOOT: Readonly<Record<string, MachineWord>> = {
  kernel_image_path: 'kernel',
  boot_args: 'append',
  initrd_fs_path: 'initrd',
};
const MACHINE: Readonly<Record<string, MachineWord>> = {
  type: 'type',
  vcpu_count: 'vcpus',
  mem_size: 'memory',
  mem_path: 'hugepages',
  'mem-path': 'hugepages',
  mem_share: 'share',
  'mem-share': 'share',
  dump_guest_core: 'dump',
  omit_vm_memory: 'omitMemory',
};

const SECTIONS = [
  'boot-source',
  'machine-config',
  'drive',
  'net',
  'console',
  'vsock',
  'serial',
  'iothread',
  'balloon',
];

/** What a JSON file of StratoVirt says. Undefined when it is no JSON. */
export function readStratovirtJson(text: string, problems: DraftProblem[]): GivenConfig | undefined {
  const root = readJson(text, problems);
  if (!root) return undefined;
  const sections = root.object(SECTIONS);
  return {
    style: 'json',
    machine: {
      ...words(sections.get('boot-source'), BOOT),
      ...words(sections.get('machine-config'), MACHINE),
      ...words(sections.get('serial'), { stdio: 'serial' }),
    },
    devices: {
      drive: several(sections, 'drive'),
      net: several(sections, 'net'),
      console: several(sections, 'console'),
      iothread: several(sections, 'iothread'),
      vsock: one(sections, 'vsock'),
      balloon: one(sections, 'balloon'),
    },
  };
}

function words(
  section: JsonPlace | undefined,
  keys: Readonly<Record<string, MachineWord>>,
): GivenConfig['machine'] {
  const found: Partial<Record<MachineWord, Given>> = {};
  for (const [key, place] of section?.object(Object.keys(keys)) ?? []) {
    const [word, text] = [keys[key], place.text()];
    if (word === undefined || text === undefined) continue;
    if (found[word] && found[word].text !== text) place.wrong(`what ${found[word].from} says, or nothing`);
    found[word] = { text, from: place.path };
  }
  return found;
}

function several<D extends DeviceKind>(sections: ReadonlyMap<string, JsonPlace>, kind: D): GivenDevice<D>[] {
  return (
    sections
      .get(DEVICES[kind].json)
      ?.items()
      .map(item => device(item, kind)) ?? []
  );
}

function one<D extends DeviceKind>(sections: ReadonlyMap<string, JsonPlace>, kind: D): GivenDevice<D>[] {
  const section = sections.get(DEVICES[kind].json);
  return section ? [device(section, kind)] : [];
}

function device<D extends DeviceKind>(place: JsonPlace, kind: D): GivenDevice<D> {
  const names = Object.entries<{ readonly json: string }>(DEVICES[kind].fields);
  const found = place.object(names.map(([, { json }]) => json));
  const fields = names.flatMap(([field, { json }]) => {
    const [at, text] = [found.get(json), found.get(json)?.text()];
    return at && text !== undefined ? [[field, { text, from: at.path }]] : [];
  });
  return { from: place.path, fields: Object.fromEntries(fields) as GivenDevice<D>['fields'] };
}
