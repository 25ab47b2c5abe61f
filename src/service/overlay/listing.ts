import { formatOrigin } from '../../domain/manifest/action.ts';
import type { OverlayEntry } from '../../domain/overlay/entry.ts';
import { octal } from '../../domain/overlay/steps.ts';

/** One line of `mesh overlay show`. */
export interface ListedEntry {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'link';
  /** `0644` */
  readonly mode: string;
  readonly user: string;
  readonly group: string;
  /** Bytes; 0 for directories and links. */
  readonly size: number;
  /** Where a link points. */
  readonly target?: string;
  /** `/host0/groups/web/manifest:3`, or the built-in part of pxen that brought it. */
  readonly origin: string;
}

export function listEntries(entries: readonly OverlayEntry[]): ListedEntry[] {
  return entries.map(entry => ({
    path: entry.path,
    type: entry.type,
    mode: octal(entry.mode.permissions),
    user: entry.mode.user,
    group: entry.mode.group,
    size: entry.type === 'file' ? entry.content.length : 0,
    ...(entry.type === 'link' ? { target: entry.target } : {}),
    origin: formatOrigin(entry.origin),
  }));
}
