import { formatBytes } from '../../base/bytes.ts';
import { type Diagnostic, quote } from '../../base/diagnostic.ts';
import { byPath, type FileEntry, type OverlayEntry, undeclaredParents } from './entry.ts';
import { foldLayers } from './fold.ts';
import type { Layer } from './layer.ts';
import { isOwnMark, MARK_PATH } from './mark.ts';
import { formatSteps, planSteps, STEPS_PATH, type Step } from './steps.ts';
import { addToWorld, WORLD_PATH } from './world.ts';

/** Everything an overlay brings to a node, ready to compare, show and, once its mark is filled in, to pack. */
export interface OverlayPlan {
  /** The whole tree, each path once, parents before children. */
  readonly entries: readonly OverlayEntry[];
  readonly steps: readonly Step[];
  /** With one or more of these the plan must not be packed. */
  readonly problems: readonly Diagnostic[];
}

/**
 * Most that the files of an overlay may weigh, bytes. The node holds them in RAM next to the packed overlay while it
 * unpacks, and the smallest node has 2 GB (checklist MH-47).
 */
export const OVERLAY_LIMIT = 256 * 1024 * 1024;

/** Layers, first to last, to the tree they make together. */
export function planOverlay(layers: readonly Layer[]): OverlayPlan {
  const { entries: declared, removed, problems } = foldLayers(layers);
  const world = addToWorld(
    declared.get(WORLD_PATH),
    layers.flatMap(layer => layer.packages),
  );
  const tree = withParents([...declared.values(), ...(world.entry ? [world.entry] : [])]);
  const { entries, steps } = withSteps(tree, removed);
  const found = [
    ...problems,
    ...(world.problem ? [world.problem] : []),
    ...reservedPath(declared),
    ...tooHeavy(entries),
  ];
  return { entries, steps, problems: found };
}

/** Mostly there are none; where there are, their file is part of the tree that they are planned for. */
function withSteps(
  tree: readonly OverlayEntry[],
  removed: readonly string[],
): Pick<OverlayPlan, 'entries' | 'steps'> {
  if (planSteps(tree, removed).length === 0) return { entries: tree, steps: [] };
  const steps = planSteps(withParents([...tree, stepsFile([])]), removed);
  return { entries: withParents([...tree, stepsFile(steps)]), steps };
}

/** Of two entries with one path the later counts. */
function withParents(entries: readonly OverlayEntry[]): OverlayEntry[] {
  const byPathOnce = new Map(entries.map(entry => [entry.path, entry]));
  const once = [...byPathOnce.values()];
  return [...once, ...undeclaredParents(once)].sort(byPath);
}

function stepsFile(steps: readonly Step[]): FileEntry {
  return {
    type: 'file',
    path: STEPS_PATH,
    mode: { user: 'root', group: 'root', permissions: 0o644 },
    origin: { file: 'built-in: steps at boot' },
    content: new TextEncoder().encode(formatSteps(steps)),
  };
}

function reservedPath(declared: ReadonlyMap<string, OverlayEntry>): Diagnostic[] {
  const taken = [STEPS_PATH, MARK_PATH]
    .flatMap(path => declared.get(path) ?? [])
    .filter(entry => !isOwnMark(entry));
  return taken.map(({ origin, path }) => ({
    ...origin,
    key: 'TGT',
    got: quote(path),
    expected: 'another path; pxen writes this file itself',
  }));
}

function tooHeavy(entries: readonly OverlayEntry[]): Diagnostic[] {
  const files = entries.filter(entry => entry.type === 'file');
  const total = files.reduce((sum, file) => sum + file.content.length, 0);
  if (total <= OVERLAY_LIMIT) return [];
  const [heaviest] = files.sort((a, b) => b.content.length - a.content.length);
  const origin = heaviest?.origin ?? { file: 'overlay' };
  const expected = `at most ${formatBytes(OVERLAY_LIMIT)}, because a node holds it in RAM; this line brings the largest file`;
  return [{ ...origin, key: 'overlay', got: `${formatBytes(total)} of files`, expected }];
}
