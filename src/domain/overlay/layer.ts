import type { Diagnostic } from '../../base/diagnostic.ts';
import type { DirectoryAction, FileAction, LinkAction, RemoveAction } from '../manifest/action.ts';
import type { Listed } from '../manifest/lists.ts';
import type { Stamp } from './source.ts';

/** A file action whose SRC has been read. */
export type FileItem = Omit<FileAction, 'source'> & { readonly content: Uint8Array };

export type LayerItem = FileItem | LinkAction | DirectoryAction | RemoveAction;

/** One source of an overlay: the base, the facts of the site, a group, a machine. Later layers override earlier ones. */
export interface Layer {
  /** For people: `base`, `group web`, `machine n1`. */
  readonly name: string;
  readonly items: readonly LayerItem[];
  /** Packages for /etc/apk/world. */
  readonly packages: readonly Listed[];
  /** Other machines have this layer too, so its compressed form is worth keeping for them. */
  readonly shared: boolean;
}

/** The files that something was read from, and in which state. */
export type Inputs = ReadonlyMap<string, Stamp>;

/** A layer with what is wrong in its folder. */
export interface LoadedLayer {
  readonly layer: Layer;
  readonly problems: readonly Diagnostic[];
  /** Its own files and all that its manifest names, missing ones included. */
  readonly inputs: Inputs;
}
