import { readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { formatBytes } from '../../base/bytes.ts';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import type { Included } from '../../domain/hocon/build.ts';
import { type HoconDocument, readHocon } from '../../domain/hocon/read.ts';

/** Far above any configuration, and above a snapshot of ten thousand hosts. */
const MOST_BYTES = 8 * 2 ** 20;

/** Called with every file that is looked for, whether it is there or not. */
export type Heed = (file: string) => void;

/**
 * A HOCON or JSON file with all that it includes: relative names are looked up beside the file that has them, absolute
 * ones under `root`. Throws FILE_MISSING when the file itself cannot be read; everything else is a problem of the
 * document.
 */
export function readHoconFile(path: string, root: string, heed: Heed = () => {}): HoconDocument {
  const first = readText(normalize(path), heed);
  if (first.kind === 'text')
    return readHocon(first.text, first.file, (name, from) => included(name, from, root, heed));
  const reason = first.kind === 'missing' ? 'there is no such file' : `expected ${first.reason}`;
  throw new PxenError('FILE_MISSING', `${path}: ${reason}`);
}

/** HOCON, "Include semantics: locating resources". */
function included(name: string, from: string, root: string, heed: Heed): Included {
  if (/^[a-z][a-z0-9+.-]*:/i.test(name)) return { kind: 'refused', reason: 'a file: nothing is fetched' };
  return readText(isAbsolute(name) ? join(root, name) : join(dirname(from), name), heed);
}

function readText(file: string, heed: Heed): Included {
  heed(file);
  try {
    const found = statSync(file);
    // Whoever opens a pipe waits for somebody who writes.
    if (found.isFIFO()) return { kind: 'refused', reason: 'a regular file, not a pipe' };
    if (found.size > MOST_BYTES)
      return { kind: 'refused', reason: `a file of at most ${formatBytes(MOST_BYTES)}` };
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
    return { kind: 'text', file, text };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { kind: 'missing' };
    return { kind: 'refused', reason: `a file that can be read: ${messageOf(error)}` };
  }
}
