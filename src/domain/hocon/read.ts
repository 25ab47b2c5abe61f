import type { Diagnostic } from '../../base/diagnostic.ts';
import { buildDocument, type ReadInclude } from './build.ts';
import { resolveDocument } from './resolve.ts';
import type { HoconObject } from './tree.ts';

export interface HoconDocument {
  readonly root: HoconObject;
  /** All of them, of all its files; with one or more the root must not be used. */
  readonly problems: readonly Diagnostic[];
}

/**
 * A HOCON file with everything that it includes, merged and resolved. JSON is HOCON too. Environment variables are not
 * looked up: a file means the same to the daemon as to the one who wrote it.
 */
export function readHocon(text: string, file: string, include: ReadInclude): HoconDocument {
  const { root, problems } = buildDocument(text, file, include);
  if (problems.length > 0) return { root: emptyObject(file), problems };
  return resolveDocument(root);
}

function emptyObject(file: string): HoconObject {
  return { kind: 'object', fields: new Map(), origin: { file, line: 1 } };
}
