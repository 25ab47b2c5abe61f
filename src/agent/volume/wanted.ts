import { shown } from '../../domain/download/shown.ts';
import type { Volume } from '../../domain/workload/workload.ts';
import type { OnProgress } from '../../io/files/progress.ts';

/** A volume with a source that is to come to its path. */
export interface Wanted {
  readonly volume: Volume & { readonly source: string };
  readonly progress: OnProgress;
  readonly signal: AbortSignal;
}

export interface Obtained {
  readonly sha256: string;
  /** By which the source tells whether it is still the same. */
  readonly validator?: string | undefined;
  /** It was a qcow2 image, and is a raw disk now. */
  readonly converted?: boolean | undefined;
}

/** A file on this node that came from the same source and that nobody has written into. */
export interface Donor extends Obtained {
  readonly path: string;
  /** Somebody may write into it later on. */
  readonly writable: boolean;
}

/** Without the password that a URL may hold. */
export function shownSource(source: string): string {
  return source.startsWith('/') ? source : shown(new URL(source));
}
