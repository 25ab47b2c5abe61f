import type { OverlayEntry } from './entry.ts';
import type { FileItem } from './layer.ts';

/** Tells the agent which overlay its node runs. */
export const MARK_PATH = '/etc/pxen/overlay.json';

const ORIGIN = { file: 'built-in: which overlay this is' };

/** The line of the built-in layer that brings the mark, still empty. */
export const BLANK_MARK: FileItem = {
  action: 'O',
  mode: { user: 'root', group: 'root', permissions: 0o644 },
  target: MARK_PATH,
  origin: ORIGIN,
  content: new Uint8Array(),
};

/** Not a manifest's line for that path. */
export function isOwnMark(entry: OverlayEntry): boolean {
  return entry.path === MARK_PATH && entry.origin === ORIGIN;
}

/** The entries with the mark filled in. `content` is the hash of everything else: no file can hold a hash over itself. */
export function withMark(entries: readonly OverlayEntry[], content: string): OverlayEntry[] {
  const text = new TextEncoder().encode(`${JSON.stringify({ content })}\n`);
  return entries.map(entry => (isOwnMark(entry) ? { ...entry, content: text } : entry) as OverlayEntry);
}

/** The hash in the text of a mark; undefined for anything else. */
export function parseMark(text: string): string | undefined {
  return /^\{"content":"([0-9a-f]{64})"\}\s*$/.exec(text)?.[1];
}
