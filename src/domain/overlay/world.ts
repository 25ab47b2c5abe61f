import { type Diagnostic, quote } from '../../base/diagnostic.ts';
import type { Listed } from '../manifest/lists.ts';
import type { FileEntry, OverlayEntry } from './entry.ts';

/** The packages that apk installs when a node boots. */
export const WORLD_PATH = '/etc/apk/world';

/** /etc/apk/world with the packages of all layers after the lines it already has; undefined when none is new. */
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
  const content = new TextEncoder().encode(wanted.map(line => `${line}\n`).join(''));
  const base = world ?? {
    type: 'file',
    path: WORLD_PATH,
    mode: { user: 'root', group: 'root', permissions: 0o644 },
    origin: first.origin,
  };
  return { entry: { ...base, content } };
}

function notAFile(first: Listed, world: OverlayEntry): Diagnostic {
  return {
    ...first.origin,
    key: 'package',
    got: quote(first.name),
    expected: `${WORLD_PATH} to be a file; it is a ${world.type}`,
  };
}
