import type { Mode } from '../manifest/action.ts';
import { byPath, isWithin, type OverlayEntry } from './entry.ts';

/** What the node still has to do at boot, because a tar archive cannot; apkovl/usr/lib/pxen/overlay-steps does it. */
export type Step =
  /** Delete the path: the node's image or a package may hold it too. */
  | { readonly step: 'remove'; readonly path: string }
  /** Delete everything in this directory but the names the overlay has there: it was removed and filled anew. */
  | { readonly step: 'prune'; readonly path: string; readonly keep: readonly string[] }
  /** Give the path its owner: only the node knows the numbers behind names. */
  | { readonly step: 'chown'; readonly path: string; readonly mode: Mode };

export const STEPS_PATH = '/etc/pxen/overlay-steps';

/** One step a line, fields separated by tabs; the grammar of manifests lets no tab or newline into a path. */
export function formatSteps(steps: readonly Step[]): string {
  return steps.map(step => `${fieldsOf(step).join('\t')}\n`).join('');
}

function fieldsOf(step: Step): readonly string[] {
  switch (step.step) {
    case 'remove':
      return ['remove', step.path];
    case 'prune':
      return ['prune', step.path, ...step.keep];
    case 'chown':
      return ['chown', step.mode.user, step.mode.group, octal(step.mode.permissions), step.path];
  }
}

/** `0644` */
export function octal(permissions: number): string {
  return permissions.toString(8).padStart(4, '0');
}

/** The owner as a tar header can carry it, or what stands in for it until the chown step has run. */
export interface TarOwner {
  readonly uid: number;
  readonly gid: number;
  readonly permissions: number;
}

/** Largest number in the 6 octal digits that tar-stream writes for an owner; it puts this one in place of anything above. */
const MAX_TAR_ID = 0o777777;

/**
 * The owner for the tar header. A name other than root is not known on host0: such an entry travels as root's, closed
 * to everybody else and without setuid, until its chown step has run on the node.
 */
export function tarOwner(mode: Mode): TarOwner {
  const uid = tarId(mode.user);
  const gid = tarId(mode.group);
  if (uid !== undefined && gid !== undefined) return { uid, gid, permissions: mode.permissions };
  return { uid: 0, gid: 0, permissions: mode.permissions & 0o700 };
}

function tarId(owner: string): number | undefined {
  if (owner === 'root') return 0;
  const id = /^\d+$/.test(owner) ? Number(owner) : undefined;
  return id !== undefined && id <= MAX_TAR_ID ? id : undefined;
}

/** `entries` is the whole tree in path order, parents included; `removed` the targets of R lines. */
export function planSteps(entries: readonly OverlayEntry[], removed: readonly string[]): Step[] {
  const tops = removed.filter(path => !removed.some(other => other !== path && isWithin(path, other)));
  return [...tops.flatMap(top => removalSteps(top, entries)), ...entries.flatMap(chownStep)];
}

/** A removed path that a later line fills again keeps what the overlay has there and loses what the image has. */
function removalSteps(top: string, entries: readonly OverlayEntry[]): Step[] {
  const within = entries.filter(entry => isWithin(entry.path, top));
  if (within.length === 0) return [{ step: 'remove', path: top }];
  return within
    .filter(entry => entry.type === 'directory')
    .sort(byPath)
    .map(({ path }) => ({ step: 'prune', path, keep: namesIn(path, within) }));
}

function namesIn(directory: string, entries: readonly OverlayEntry[]): string[] {
  const start = `${directory}/`;
  return entries
    .filter(({ path }) => path.startsWith(start) && !path.includes('/', start.length))
    .map(({ path }) => path.slice(start.length));
}

function chownStep({ path, mode }: OverlayEntry): Step[] {
  const { user, group } = mode;
  return tarId(user) !== undefined && tarId(group) !== undefined ? [] : [{ step: 'chown', path, mode }];
}
