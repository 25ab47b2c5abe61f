import { concat } from '../../base/bytes.ts';
import { type Diagnostic, quote } from '../../base/diagnostic.ts';
import { formatOrigin, type Origin } from '../manifest/action.ts';
import { ancestorsOf, entryOf, isWithin, type OverlayEntry } from './entry.ts';
import type { Layer, LayerItem } from './layer.ts';

/** What the lines of all layers come to. */
export interface Folded {
  /** By path; directories that no line declares are not among them. */
  readonly entries: ReadonlyMap<string, OverlayEntry>;
  /** Targets of R lines, each once, in the order of the lines. */
  readonly removed: readonly string[];
  readonly problems: readonly Diagnostic[];
}

/** Takes the layers in order, line by line; later lines override earlier ones (checklist MH-54). */
export function foldLayers(layers: readonly Layer[]): Folded {
  const tree = new LineFold();
  for (const item of layers.flatMap(layer => layer.items)) tree.take(item);
  return { entries: tree.entries, removed: [...tree.removed], problems: tree.problems };
}

class LineFold {
  readonly entries = new Map<string, OverlayEntry>();
  readonly removed = new Set<string>();
  readonly problems: Diagnostic[] = [];
  /** Directories that must exist because of what lies in them, with the line that first needed each. */
  #parents = new Map<string, Origin>();

  take(item: LayerItem): void {
    if (item.action === 'R') this.#remove(item.target);
    else this.#add(entryOf(item), item.action === 'A');
  }

  #add(wanted: OverlayEntry, appends: boolean): void {
    const problem = this.#clash(wanted, appends);
    if (problem) this.problems.push(problem);
    else this.#put(appends ? this.#appended(wanted) : wanted);
  }

  #put(entry: OverlayEntry): void {
    this.entries.set(entry.path, entry);
    this.#needParents(entry);
  }

  #needParents({ path, origin }: OverlayEntry): void {
    for (const parent of ancestorsOf(path)) {
      if (!this.#parents.has(parent)) this.#parents.set(parent, origin);
    }
  }

  #appended(entry: OverlayEntry): OverlayEntry {
    const before = this.entries.get(entry.path);
    if (entry.type !== 'file' || before?.type !== 'file') return entry;
    const earlier = [...(before.earlier ?? []), before.origin];
    return { ...entry, earlier, content: concat([before.content, entry.content]) };
  }

  #remove(target: string): void {
    this.removed.add(target);
    for (const path of [...this.entries.keys()]) if (isWithin(path, target)) this.entries.delete(path);
    this.#parents = new Map();
    for (const entry of this.entries.values()) this.#needParents(entry);
  }

  /** What stands where a directory above the path must be. */
  #blocker(path: string): OverlayEntry | undefined {
    for (const parent of ancestorsOf(path)) {
      const entry = this.entries.get(parent);
      if (entry && entry.type !== 'directory') return entry;
    }
    return undefined;
  }

  /** Files and links replace each other; a directory and anything else at one path need an R line between them. */
  #clash(wanted: OverlayEntry, appends: boolean): Diagnostic | undefined {
    const blocker = this.#blocker(wanted.path);
    if (blocker) {
      return clashAt(
        wanted,
        `a path below a directory; ${blocker.path} is a ${blocker.type} since`,
        blocker.origin,
      );
    }
    const there = this.entries.get(wanted.path);
    if (there && (there.type === 'directory') !== (wanted.type === 'directory')) {
      return clashAt(
        wanted,
        `a path that is free, or an R line before; it is a ${there.type} since`,
        there.origin,
      );
    }
    if (there?.type === 'link' && appends) {
      return clashAt(wanted, 'a file to append to; it is a link since', there.origin);
    }
    const filled = this.#parents.get(wanted.path);
    if (filled && wanted.type !== 'directory') {
      return clashAt(wanted, 'a path that is free, or an R line before; it is a directory since', filled);
    }
    return undefined;
  }
}

function clashAt(entry: OverlayEntry, expected: string, since: Origin): Diagnostic {
  return {
    ...entry.origin,
    key: 'TGT',
    got: quote(entry.path),
    expected: `${expected} ${formatOrigin(since)}`,
  };
}
