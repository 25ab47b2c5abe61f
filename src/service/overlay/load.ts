import { formatBytes } from '../../base/bytes.ts';
import { type Diagnostic, quote } from '../../base/diagnostic.ts';
import type { FileAction, ManifestAction } from '../../domain/manifest/action.ts';
import {
  type Listed,
  type OverlayOwner,
  parseGroups,
  parseOwner,
  parsePackages,
} from '../../domain/manifest/lists.ts';
import { parseManifest } from '../../domain/manifest/parse.ts';
import type { Inputs, LayerItem, LoadedLayer } from '../../domain/overlay/layer.ts';
import type { SourceFiles, Stamp } from '../../domain/overlay/source.ts';

const MACHINES = '/host0/machines';
const GROUPS = '/host0/groups';

/** A file that a manifest names, bytes: an overlay sits in the RAM of its node, twice while it is unpacked. */
const SOURCE_LIMIT = 64 * 1024 * 1024;

/** `manifest`, `groups`, `packages`, `UUID`; bytes. Far above any that people write. */
const TEXT_LIMIT = 1024 * 1024;

/** A folder of /host0/machines as far as other folders matter to it. Its own layer is read when its turn comes. */
export interface MachineFolder {
  readonly folder: string;
  /** Undefined when the UUID file is missing or bad. */
  readonly owner: OverlayOwner | undefined;
  /** Names of groups, in order. */
  readonly groups: readonly Listed[];
  /** There is a SKIP file: nothing is built, the last overlay stays. */
  readonly skip: boolean;
  /** Of the files UUID and groups. */
  readonly problems: readonly Diagnostic[];
  /** UUID, groups and SKIP. */
  readonly inputs: Inputs;
}

export async function groupNames(files: SourceFiles): Promise<readonly string[]> {
  return (await files.folders(GROUPS)) ?? [];
}

export async function machineNames(files: SourceFiles): Promise<readonly string[]> {
  return (await files.folders(MACHINES)) ?? [];
}

/** What is wrong when the folder of all machines is gone: a disk that is not mounted, most likely, and no admin's wish. */
export async function missingMachines(files: SourceFiles): Promise<Diagnostic | undefined> {
  if ((await files.folders(MACHINES)) !== undefined) return undefined;
  return {
    file: MACHINES,
    key: 'folder',
    expected: 'to be there; is its disk mounted? All overlays stay as they are',
  };
}

export function loadGroup(files: SourceFiles, name: string): Promise<LoadedLayer> {
  return loadLayer(files, { path: `${GROUPS}/${name}`, name: `group ${name}`, shared: true });
}

/** What the machine's own manifest and packages say. */
export function loadMachineLayer(files: SourceFiles, folder: string): Promise<LoadedLayer> {
  return loadLayer(files, { path: `${MACHINES}/${folder}`, name: `machine ${folder}`, shared: false });
}

/**
 * A file that several manifests name is one array while anybody holds it: read once, hashed once, and known to be equal
 * to itself. Files of one machine are let go when that machine is done.
 */
export function readOnce(files: SourceFiles): SourceFiles {
  const held = new Map<string, { readonly content: WeakRef<Uint8Array>; readonly stamp: Stamp }>();
  return {
    folders: path => files.folders(path),
    stamp: path => files.stamp(path),
    async read(path, limit) {
      const known = held.get(path);
      const content = known?.content.deref();
      if (known && content && content.length <= limit) return { kind: 'file', content, stamp: known.stamp };
      const found = await files.read(path, limit);
      if (found.kind === 'file') held.set(path, { content: new WeakRef(found.content), stamp: found.stamp });
      return found;
    },
  };
}

/** The same files; `inputs` says which of them were read, and in which state. */
function noted(files: SourceFiles): { files: SourceFiles; inputs: Inputs } {
  const inputs = new Map<string, Stamp>();
  const read: SourceFiles['read'] = async (path, limit) => {
    const found = await files.read(path, limit);
    inputs.set(path, found.stamp);
    return found;
  };
  return { files: { folders: path => files.folders(path), stamp: path => files.stamp(path), read }, inputs };
}

/** A folder with a manifest and perhaps packages: the base, a group, or a machine's own part. */
export async function loadLayer(
  source: SourceFiles,
  of: { path: string; name: string; shared: boolean },
): Promise<LoadedLayer> {
  const { files, inputs } = noted(source);
  const manifest = await readManifest(files, `${of.path}/manifest`);
  const packages = await readList(files, `${of.path}/packages`, parsePackages);
  const layer = { name: of.name, items: manifest.items, packages: packages.listed, shared: of.shared };
  return { layer, problems: [...manifest.problems, ...packages.problems], inputs };
}

export async function loadMachineFolder(
  source: SourceFiles,
  folder: string,
  groups: readonly string[],
): Promise<MachineFolder> {
  const { files, inputs } = noted(source);
  const path = `${MACHINES}/${folder}`;
  const skip = (await files.read(`${path}/SKIP`, TEXT_LIMIT)).kind !== 'missing';
  const uuid = await readOwner(files, `${path}/UUID`);
  const named = await readList(files, `${path}/groups`, (text, file) => parseGroups(text, file, groups));
  const problems = [...uuid.problems, ...named.problems];
  return { folder, owner: uuid.owner, groups: named.listed, skip, problems, inputs };
}

async function readManifest(
  files: SourceFiles,
  file: string,
): Promise<{ items: LayerItem[]; problems: Diagnostic[] }> {
  const text = await readText(files, file);
  if (text.text === undefined) return { items: [], problems: [text.problem] };
  const { actions, problems } = parseManifest(text.text, file);
  const loaded: LoadedItem[] = [];
  for (const action of actions) loaded.push(await loadItem(files, action));
  return {
    items: loaded.flatMap(item => item.item ?? []),
    problems: inLineOrder([...problems, ...loaded.flatMap(item => item.problem ?? [])]),
  };
}

function inLineOrder(problems: readonly Diagnostic[]): Diagnostic[] {
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

interface LoadedItem {
  readonly item?: LayerItem;
  readonly problem?: Diagnostic;
}

async function loadItem(files: SourceFiles, action: ManifestAction): Promise<LoadedItem> {
  if (!isFileAction(action)) return { item: action };
  const found = await files.read(action.source, SOURCE_LIMIT);
  if (found.kind !== 'file') return { problem: badSource(action, found.reason) };
  const { action: letter, mode, target, origin } = action;
  return { item: { action: letter, mode, target, origin, content: found.content } };
}

function isFileAction(action: ManifestAction): action is FileAction {
  return action.action === 'O' || action.action === 'A';
}

function badSource({ source, origin }: FileAction, reason: string): Diagnostic {
  const got = `${quote(source)}, which ${reason}`;
  return {
    ...origin,
    key: 'SRC',
    got,
    expected: `a readable regular file of at most ${formatBytes(SOURCE_LIMIT)}`,
  };
}

type FileText =
  | { readonly text: string }
  | { readonly text: undefined; readonly missing: boolean; readonly problem: Diagnostic };

async function readText(files: SourceFiles, file: string): Promise<FileText> {
  const key = file.slice(file.lastIndexOf('/') + 1);
  const found = await files.read(file, TEXT_LIMIT);
  if (found.kind !== 'file') {
    const missing = found.kind === 'missing';
    const got = missing ? {} : { got: `something that ${found.reason}` };
    return {
      text: undefined,
      missing,
      problem: { file, key, ...got, expected: `a file named ${key} in this folder` },
    };
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(found.content) };
  } catch {
    const problem = { file, key, got: 'bytes that are no UTF-8', expected: 'text in UTF-8' };
    return { text: undefined, missing: false, problem };
  }
}

/** A list that may be absent. */
async function readList<T extends { listed: readonly Listed[]; problems: readonly Diagnostic[] }>(
  files: SourceFiles,
  file: string,
  parse: (text: string, file: string) => T,
): Promise<{ listed: readonly Listed[]; problems: readonly Diagnostic[] }> {
  const text = await readText(files, file);
  if (text.text !== undefined) return parse(text.text, file);
  return { listed: [], problems: text.missing ? [] : [text.problem] };
}

async function readOwner(
  files: SourceFiles,
  file: string,
): Promise<{ owner: OverlayOwner | undefined; problems: readonly Diagnostic[] }> {
  const text = await readText(files, file);
  if (text.text === undefined) return { owner: undefined, problems: [text.problem] };
  const { owner, problems } = parseOwner(text.text, file);
  return { owner, problems };
}

/** Two folders for one machine: each is told of the other. A folder with SKIP counts, for its last overlay is still served. */
export function withOwnersOnce(machines: readonly MachineFolder[]): MachineFolder[] {
  const byOwner = Map.groupBy(machines, ({ owner }) => owner);
  return machines.map(machine => {
    const { owner } = machine;
    const twins = owner === undefined ? [] : (byOwner.get(owner) ?? []).filter(other => other !== machine);
    if (twins.length === 0) return machine;
    const doubles = twins.map(twin => ({
      file: `${MACHINES}/${machine.folder}/UUID`,
      key: 'UUID',
      got: quote(owner ?? ''),
      expected: `an id of its own; ${MACHINES}/${twin.folder}/UUID has the same`,
    }));
    return { ...machine, problems: [...doubles, ...machine.problems] };
  });
}
