import { equalBytes } from '../../base/bytes.ts';
import type { Mode, Origin } from '../manifest/action.ts';
import type { LayerItem } from './layer.ts';

interface Attributes {
  /** Absolute path on the node. */
  readonly path: string;
  /** Owner and permissions as they shall be on the node in the end. */
  readonly mode: Mode;
  readonly origin: Origin;
}

export interface FileEntry extends Attributes {
  readonly type: 'file';
  readonly content: Uint8Array;
  /** Lines whose content comes before that of `origin`: those that it appends to. */
  readonly earlier?: readonly Origin[];
}

export interface DirectoryEntry extends Attributes {
  readonly type: 'directory';
}

export interface LinkEntry extends Attributes {
  readonly type: 'link';
  /** Absolute path on the node that the link points to. */
  readonly target: string;
}

export type OverlayEntry = FileEntry | DirectoryEntry | LinkEntry;

/** Links have no owner or permissions of their own; this is what Linux shows for them. */
const LINK_MODE: Mode = { user: '0', group: '0', permissions: 0o777 };

/** The entry that an O, L or D line makes on its own, and an A line where nothing is yet. */
export function entryOf(item: Exclude<LayerItem, { action: 'R' }>): OverlayEntry {
  const { target: path, origin } = item;
  switch (item.action) {
    case 'O':
    case 'A':
      return { type: 'file', path, mode: item.mode, origin, content: item.content };
    case 'L':
      return { type: 'link', path, mode: LINK_MODE, origin, target: item.source };
    case 'D':
      return { type: 'directory', path, mode: item.mode, origin };
  }
}

/** Would a node see a difference? Origins do not count. */
export function sameOnNode(a: OverlayEntry, b: OverlayEntry): boolean {
  const { user, group, permissions } = a.mode;
  if (a.path !== b.path || user !== b.mode.user || group !== b.mode.group) return false;
  if (permissions !== b.mode.permissions) return false;
  if (a.type === 'file') return b.type === 'file' && sameContent(a.content, b.content);
  if (a.type === 'link') return b.type === 'link' && a.target === b.target;
  return b.type === 'directory';
}

/** A file that many layers carry is read once, so that mostly it is the very same array. */
function sameContent(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || equalBytes(a, b);
}

/** Every directory above a path, nearest to / first; / itself is not among them. */
export function ancestorsOf(path: string): string[] {
  const above: string[] = [];
  for (let end = path.indexOf('/', 1); end > 0; end = path.indexOf('/', end + 1))
    above.push(path.slice(0, end));
  return above;
}

/** Parents stand before their children in this order. */
export function byPath(a: { path: string }, b: { path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

/** Is `path` at or below `top`? */
export function isWithin(path: string, top: string): boolean {
  return path === top || path.startsWith(`${top}/`);
}

/** Directories that are not 0755 on any Linux; an overlay that only puts a file into one must leave it usable. */
const SYSTEM_DIRECTORIES: Readonly<Record<string, number>> = {
  '/root': 0o700,
  '/tmp': 0o1777,
  '/var/tmp': 0o1777,
};

/** The directories that no line declares but that entries lie in: root's, 0755. */
export function undeclaredParents(entries: readonly OverlayEntry[]): DirectoryEntry[] {
  const declared = new Set(entries.map(entry => entry.path));
  const parents = new Map<string, DirectoryEntry>();
  for (const { path: below, origin } of entries) {
    // Above a parent that was found before there is nothing left to find.
    for (let path = parentOf(below); path !== '' && !parents.has(path); path = parentOf(path)) {
      if (declared.has(path)) continue;
      const permissions = SYSTEM_DIRECTORIES[path] ?? 0o755;
      const mode = { user: 'root', group: 'root', permissions };
      parents.set(path, { type: 'directory', path, mode, origin });
    }
  }
  return [...parents.values()];
}

/** Empty above the first level. */
function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
