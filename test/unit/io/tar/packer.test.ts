import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { OverlayEntry } from '../../../../src/domain/overlay/entry.ts';
import { ENTRY_TIME, TarPacker, tarBytes } from '../../../../src/io/tar/packer.ts';

const origin = { file: 'test' };
const entry = (path: string, user: string, permissions: number, text = ''): OverlayEntry => ({
  type: 'file',
  path,
  mode: { user, group: '0', permissions },
  origin,
  content: new TextEncoder().encode(text),
});

/** The header fields of the entry that begins at a block, as text. */
function header(tar: Uint8Array, block: number) {
  const field = (at: number, length: number) =>
    new TextDecoder()
      .decode(tar.subarray(block * 512 + at, block * 512 + at + length))
      .replace(/\0.*/s, '')
      .trim();
  return {
    name: field(0, 100),
    mode: field(100, 8),
    uid: field(108, 8),
    gid: field(116, 8),
    size: field(124, 12),
    mtime: Number.parseInt(field(136, 12), 8),
    uname: field(265, 32),
    gname: field(297, 32),
  };
}

describe('a member as tar', () => {
  test('gives every header field itself: fixed time, numeric owner, no names, and a mode of 0 stays 0', async () => {
    const tar = await tarBytes({ name: 'm', entries: [entry('/etc/f', '1000', 0, 'x')], last: false });
    expect(tar.length).toBe(1024);
    expect(header(tar, 0)).toEqual({
      name: 'etc/f',
      mode: '000000',
      uid: '001750',
      gid: '000000',
      size: '00000000001',
      mtime: ENTRY_TIME.getTime() / 1000,
      uname: '',
      gname: '',
    });
  });

  test('closes a file to all but root while its owner is a name', async () => {
    const tar = await tarBytes({ name: 'm', entries: [entry('/f', 'nginx', 0o4755)], last: false });
    expect(header(tar, 0)).toMatchObject({ mode: '000700', uid: '000000' });
  });

  test('ends with two blocks of zeros only when it is the last', async () => {
    const entries = [entry('/f', 'root', 0o644, 'x')];
    const inner = await tarBytes({ name: 'm', entries, last: false });
    const last = await tarBytes({ name: 'm', entries, last: true });
    expect(Buffer.concat([inner, new Uint8Array(1024)]).equals(last)).toBe(true);
    expect((await tarBytes({ name: 'm', entries: [], last: true })).length).toBe(1024);
  });
});

describe('TarPacker', () => {
  test('names a member by the hash of its tar bytes and packs exactly those', async () => {
    const packer = new TarPacker();
    for (const last of [false, true]) {
      const member = { name: 'm', entries: [entry('/f', 'root', 0o644, 'x')], last };
      const tar = await tarBytes(member);
      expect(await packer.digest(member)).toBe(createHash('sha256').update(tar).digest('hex'));
      expect(await packer.digest(structuredClone(member))).toBe(await packer.digest(member));
      expect(gunzipSync(await packer.pack(member)).equals(tar)).toBe(true);
    }
  });

  test('tells members apart by content, mode, owner, path, link target', async () => {
    const link = (target: string): OverlayEntry => ({
      type: 'link',
      path: '/f',
      mode: { user: '0', group: '0', permissions: 0o777 },
      origin,
      target,
    });
    const variants = [
      entry('/f', 'root', 0o644, 'x'),
      entry('/f', 'root', 0o644, 'y'),
      entry('/f', 'root', 0o600, 'x'),
      entry('/f', '1', 0o644, 'x'),
      entry('/g', 'root', 0o644, 'x'),
      link('/a'),
      link('/b'),
    ];
    const packer = new TarPacker();
    const hashes = await Promise.all(
      variants.map(one => packer.digest({ name: 'm', entries: [one], last: false })),
    );
    expect(new Set(hashes).size).toBe(variants.length);
  });
});
