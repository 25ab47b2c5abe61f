import { formatOrigin } from '../manifest/action.ts';
import type { OverlayEntry } from './entry.ts';
import { MARK_PATH } from './mark.ts';
import { octal } from './steps.ts';

/** One line of `mesh overlay show`: what is at a path, and which lines brought it. */
export interface ListedEntry {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'link';
  /** `0644` */
  readonly mode: string;
  readonly user: string;
  readonly group: string;
  /** Bytes; 0 for directories and links. */
  readonly size: number;
  /** SHA-256 of a file's content, hex. */
  readonly hash?: string;
  /** Where a link points. */
  readonly target?: string;
  /** `/host0/groups/web/manifest:3`, or the built-in part of pxen that brought it; all lines that append to one file. */
  readonly origin: string;
}

/** SHA-256 of a file's content, hex. */
export type ContentHash = (content: Uint8Array) => string;

export function listEntries(entries: readonly OverlayEntry[], hash: ContentHash): ListedEntry[] {
  return entries.map(entry => ({
    path: entry.path,
    type: entry.type,
    mode: octal(entry.mode.permissions),
    user: entry.mode.user,
    group: entry.mode.group,
    size: entry.type === 'file' ? entry.content.length : 0,
    ...(entry.type === 'file' ? { hash: hash(entry.content) } : {}),
    ...(entry.type === 'link' ? { target: entry.target } : {}),
    origin: originOf(entry),
  }));
}

function originOf(entry: OverlayEntry): string {
  const earlier = entry.type === 'file' ? (entry.earlier ?? []) : [];
  if (earlier.length === 0) return formatOrigin(entry.origin);
  return [...new Set([...earlier, entry.origin].map(formatOrigin))].join(', ');
}

/**
 * All that a node can tell of an overlay, as one text: two overlays with the same text are the same to their node. Where
 * the entries come from does not count, nor does the mark, which holds the hash of this text.
 */
export function nodeView(listing: readonly ListedEntry[]): string {
  return listing
    .filter(({ path }) => path !== MARK_PATH)
    .map(entry => `${factsOf(entry)}\n`)
    .join('');
}

/** Paths hold no control characters, so a tab separates. */
function factsOf({ path, type, mode, user, group, hash = '', target = '' }: ListedEntry): string {
  return `${path}\t${type}\t${mode}\t${user}\t${group}\t${hash}\t${target}`;
}

/** What happens to a path between two overlays. */
export interface EntryChange {
  readonly path: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** Absent when it was added. */
  readonly before?: ListedEntry;
  /** Absent when it was removed. */
  readonly after?: ListedEntry;
}

/** In path order; empty when a node would see no difference. */
export function diffListings(before: readonly ListedEntry[], after: readonly ListedEntry[]): EntryChange[] {
  const old = new Map(before.map(entry => [entry.path, entry]));
  const fresh = new Map(after.map(entry => [entry.path, entry]));
  const paths = [...new Set([...old.keys(), ...fresh.keys()])].filter(path => path !== MARK_PATH).sort();
  return paths.flatMap(path => changeAt(path, old.get(path), fresh.get(path)) ?? []);
}

function changeAt(path: string, before?: ListedEntry, after?: ListedEntry): EntryChange | undefined {
  if (!before) return after && { path, change: 'added', after };
  if (!after) return { path, change: 'removed', before };
  return factsOf(before) === factsOf(after) ? undefined : { path, change: 'changed', before, after };
}
