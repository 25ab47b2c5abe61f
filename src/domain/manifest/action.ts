/** Where a thing was written: a line of a manifest, or a built-in part of pxen (then without a line). */
export interface Origin {
  readonly file: string;
  /** 1-based. */
  readonly line?: number;
}

/** MODE=user:group:perms as the admin wrote it. */
export interface Mode {
  /** A name, or a number in decimal digits. */
  readonly user: string;
  readonly group: string;
  /** 0 to 0o7777, setuid, setgid and sticky bit included. */
  readonly permissions: number;
}

/** `O` writes a file, `A` appends to it (checklist MH-56, MH-57). */
export interface FileAction {
  readonly action: 'O' | 'A';
  readonly mode: Mode;
  /** Absolute path on host0. */
  readonly source: string;
  /** Absolute path on the node. */
  readonly target: string;
  readonly origin: Origin;
}

/** `L`: a symbolic link at `target` that points to `source`, both paths on the node (checklist MH-58). */
export interface LinkAction {
  readonly action: 'L';
  readonly source: string;
  readonly target: string;
  readonly origin: Origin;
}

/** `D`: a directory, such as a mount point (checklist MH-59). */
export interface DirectoryAction {
  readonly action: 'D';
  readonly mode: Mode;
  readonly target: string;
  readonly origin: Origin;
}

/** `R`: nothing shall be at `target` or below it (checklist MH-59). */
export interface RemoveAction {
  readonly action: 'R';
  readonly target: string;
  readonly origin: Origin;
}

export type ManifestAction = FileAction | LinkAction | DirectoryAction | RemoveAction;

export type ActionLetter = ManifestAction['action'];

export type FieldName = 'MODE' | 'SRC' | 'TGT';

/** The grammar: which fields an action has. Every one of them is required. */
export const ACTION_FIELDS: Readonly<Record<ActionLetter, readonly FieldName[]>> = {
  O: ['MODE', 'SRC', 'TGT'],
  A: ['MODE', 'SRC', 'TGT'],
  L: ['SRC', 'TGT'],
  D: ['MODE', 'TGT'],
  R: ['TGT'],
};

/** `machines/n1/manifest:3`, or the file alone. */
export function formatOrigin(origin: Origin): string {
  return origin.line === undefined ? origin.file : `${origin.file}:${origin.line}`;
}
