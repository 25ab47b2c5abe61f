import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type Header, type Pack, pack } from 'tar-stream';
import type { OverlayEntry } from '../../domain/overlay/entry.ts';
import type { Member } from '../../domain/overlay/members.ts';
import { tarOwner } from '../../domain/overlay/steps.ts';
import type { OverlayPacker } from '../../domain/overlay/store.ts';

const compress = promisify(gzip);

/** 9 takes 2.5 times as long and saves half a percent (spec/baselines.md D). */
const LEVEL = 6;

/**
 * 2000-01-01T00:00:00Z, the time of every entry: equal input gives equal bytes. Not 0, which GNU tar calls implausible,
 * and never later than the clock of a node, about which OpenRC complains.
 */
export const ENTRY_TIME = new Date('2000-01-01T00:00:00Z');

/** The two blocks of zeros that end an archive. */
const TRAILER = 1024;

/** Hashed in one go, bytes; then the event loop gets its turn. About 5 ms. */
const HASH_SLICE = 4 * 1024 * 1024;

/** Packs members with tar-stream and gzip. A shared member is hashed once; compression runs off the main thread. */
export class TarPacker implements OverlayPacker {
  readonly #members = new WeakMap<Member, Promise<string>>();
  readonly #tars = new WeakMap<Member, Promise<Uint8Array>>();
  readonly #digests = new Map<string, Promise<string>>();
  readonly #contentHashes = new WeakMap<Uint8Array, Promise<string>>();

  async digest(member: Member): Promise<string> {
    const known = this.#members.get(member) ?? this.#digest(member);
    this.#members.set(member, known);
    return known;
  }

  async #digest(member: Member): Promise<string> {
    if (member.last) return sha256(await this.#tar(member));
    const print = await this.#fingerprint(member);
    const known = this.#digests.get(print) ?? tarBytes(member).then(sha256);
    this.#digests.set(print, known);
    return known;
  }

  async pack(member: Member): Promise<Uint8Array> {
    return compress(await this.#tar(member), { level: LEVEL });
  }

  /** A member of one machine is hashed and then packed, mostly both; it is small. */
  #tar(member: Member): Promise<Uint8Array> {
    const made = this.#tars.get(member) ?? tarBytes(member);
    if (member.last) this.#tars.set(member, made);
    return made;
  }

  /** All that the tar bytes depend on, without making them. */
  async #fingerprint(member: Member): Promise<string> {
    const facts: unknown[] = [];
    for (const entry of member.entries) {
      const body = entry.type === 'file' ? await this.#contentHash(entry.content) : null;
      facts.push([headerOf(entry), body]);
    }
    return sha256(new TextEncoder().encode(JSON.stringify(facts)));
  }

  #contentHash(content: Uint8Array): Promise<string> {
    const known = this.#contentHashes.get(content) ?? sha256(content);
    this.#contentHashes.set(content, known);
    return known;
  }
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += HASH_SLICE) {
    if (at > 0) await nextTurn();
    hash.update(bytes.subarray(at, at + HASH_SLICE));
  }
  return hash.digest('hex');
}

/** The member as tar. Only the last one keeps its end-of-archive blocks: tar stops reading there. */
export async function tarBytes(member: Member): Promise<Uint8Array> {
  const archive = pack();
  for (const entry of member.entries) {
    if (entry.type === 'file') archive.entry(headerOf(entry), entry.content);
    else archive.entry(headerOf(entry));
  }
  archive.finalize();
  const bytes = await collect(archive);
  return member.last ? bytes : bytes.subarray(0, bytes.length - TRAILER);
}

async function collect(archive: Pack): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  archive.on('data', chunk => {
    if (chunk instanceof Uint8Array) chunks.push(chunk);
  });
  await new Promise<void>((resolve, reject) => {
    archive.on('end', resolve);
    archive.on('error', reject);
  });
  return Buffer.concat(chunks);
}

/** The file type bits of st_mode. tar-stream takes a mode of 0 for "none given"; with these in it, it never is, and it drops them. */
const TYPE_BITS = { file: 0o100000, directory: 0o040000, link: 0o120000 } as const;

/** Everything is given: tar-stream's own defaults hold the current time. No names, since a uname would win over the number. */
function headerOf(entry: OverlayEntry): Pick<Header, 'name'> & Partial<Header> {
  const { uid, gid, permissions } = tarOwner(entry.mode);
  return {
    name: entry.path.slice(1),
    type: entry.type === 'link' ? 'symlink' : entry.type,
    mode: TYPE_BITS[entry.type] | permissions,
    uid,
    gid,
    uname: '',
    gname: '',
    mtime: ENTRY_TIME,
    ...(entry.type === 'file' ? { size: entry.content.length } : {}),
    ...(entry.type === 'link' ? { linkname: entry.target } : {}),
  };
}
