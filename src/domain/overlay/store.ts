import type { OverlayOwner } from '../manifest/lists.ts';
import type { Member } from './members.ts';

/** An overlay that was built and is served. */
export interface OverlayRecord {
  /** The folder under /host0/machines; absent for the built-in default overlay. */
  readonly folder?: string;
  readonly owner: OverlayOwner;
  /** SHA-256 over the tar content, hex. Equal plans have equal hashes. */
  readonly planHash: string;
  /** SHA-256 over what a node sees of it, hex: the mark in the overlay, which its agent reports. */
  readonly content: string;
  /** Names of the stored gzip members, in the order in which they make up the overlay. */
  readonly members: readonly string[];
  /** Name of the stored listing. */
  readonly listing: string;
  /** Compressed, bytes. */
  readonly size: number;
  /** Overlays of this owner that were served before, latest first: nodes may still run them. */
  readonly earlier: readonly EarlierOverlay[];
}

/** Of an overlay that is served no more only the listing is kept. */
export interface EarlierOverlay {
  readonly content: string;
  readonly listing: string;
}

/** Where built overlays live. Several processes may share one. */
export interface OverlayStore {
  /** What is served now. Cheap enough to ask for each request; sees what another process has built. */
  records(): Promise<readonly OverlayRecord[]>;
  /** A member or a listing. Rejects with FILE_MISSING when a build has meanwhile replaced it. */
  read(name: string): Promise<Uint8Array>;
  /** Runs one build; another one, in this process or in a second, waits. */
  exclusive<T>(build: (writer: OverlayWriter) => Promise<T>): Promise<T>;
}

export interface OverlayWriter {
  /** Stores what `make` gives under this name, unless it is there already. Returns its size in bytes. */
  keep(name: string, make: () => Promise<Uint8Array>): Promise<number>;
  /** Serves these records from now on and deletes what no record names. */
  commit(records: readonly OverlayRecord[]): Promise<void>;
}

/** Turns entries into tar and gzip. */
export interface OverlayPacker {
  /** SHA-256 of the member's tar bytes, hex. */
  digest(member: Member): Promise<string>;
  /** The member, compressed. */
  pack(member: Member): Promise<Uint8Array>;
}
