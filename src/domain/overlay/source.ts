/** What is at a path of the admin's files. */
export type SourceFile =
  | { readonly kind: 'file'; readonly content: Uint8Array }
  /** `reason` says what is there instead: `does not exist`, `is a directory`, ... */
  | { readonly kind: 'missing' | 'unusable'; readonly reason: string };

/** The files that overlays are made of: those of host0, or those that come with pxen. */
export interface SourceFiles {
  /** Names of the folders in a folder, sorted; none when it does not exist. Hidden ones (`.git`) are left out. */
  folders(path: string): Promise<readonly string[]>;
  /** The regular file at an absolute path, followed through links but never out of the tree. Never rejects. */
  read(path: string, limit: number): Promise<SourceFile>;
}
