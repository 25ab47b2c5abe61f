/** What is at a path of the admin's files. */
export type SourceFile = FoundFile & {
  /** As `stamp` would have said just before. */
  readonly stamp: Stamp;
};

export type FoundFile =
  | { readonly kind: 'file'; readonly content: Uint8Array }
  /** `reason` says what is there instead: `does not exist`, `is a directory`, ... */
  | { readonly kind: 'missing' | 'unusable'; readonly reason: string };

/**
 * Another one means that the path may hold something else now. UNSETTLED equals no other stamp: the file was written a
 * moment ago, and the clock of the file system is too coarse to tell a further write.
 */
export type Stamp = string;
export const UNSETTLED: Stamp = 'unsettled';

/** The files that overlays are made of: those of host0, or those that come with pxen. */
export interface SourceFiles {
  /** Names of the folders in a folder, sorted; undefined when it does not exist. Hidden ones (`.git`) are left out. */
  folders(path: string): Promise<readonly string[] | undefined>;
  /** The regular file at an absolute path, followed through links but never out of the tree. Never rejects. */
  read(path: string, limit: number): Promise<SourceFile>;
  /** Without reading. Never rejects. */
  stamp(path: string): Promise<Stamp>;
}
