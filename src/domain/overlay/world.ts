import { type Diagnostic, quote } from '../../base/diagnostic.ts';
import type { Listed } from '../manifest/lists.ts';
import type { FileEntry, OverlayEntry } from './entry.ts';

/** The packages that apk installs when a node boots. */
export const WORLD_PATH = '/etc/apk/world';

/** /etc/apk/world with the packages of all layers after the lines it already has; undefined without any. It comes from all those lists. */
export function addToWorld(
  world: OverlayEntry | undefined,
  packages: readonly Listed[],
): { entry?: FileEntry; problem?: Diagnostic } {
  const first = packages[0];
  if (!first) return {};
  if (world && world.type !== 'file') return { problem: notAFile(first, world) };
  const present = world ? new TextDecoder().decode(world.content) : '';
  const lines = present.split('\n').filter(line => line !== '');
  const wanted = [...new Set([...lines, ...packages.map(({ name }) => name)])];
  const lists = [...new Set(packages.map(({ origin }) => origin.file))].map(file => ({ file }));
  const content = new TextEncoder().encode(wanted.map(line => `${line}\n`).join(''));
  if (world) {
    const earlier = [...(world.earlier ?? []), world.origin, ...lists.slice(0, -1)];
    return { entry: { ...world, earlier, origin: lists.at(-1) ?? world.origin, content } };
  }
  const mode = { user: 'root', group: 'root', permissions: 0o644 };
  const [origin = first.origin, ...others] = lists.toReversed();
  return {
    entry: { type: 'file', path: WORLD_PATH, mode, origin, earlier: others.toReversed(), content },
  };
}

function notAFile(first: Listed, world: OverlayEntry): Diagnostic {
  return {
    ...first.origin,
    key: 'package',
    got: quote(first.name),
    expected: `${WORLD_PATH} to be a file; it is a ${world.type}`,
  };
}
