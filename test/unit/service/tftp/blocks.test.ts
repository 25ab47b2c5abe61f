import { describe, expect, test } from 'vitest';
import type { ServedFile } from '../../../../src/base/served.ts';
import { FileBlocks } from '../../../../src/service/tftp/blocks.ts';
import { ChunkCache } from '../../../../src/service/tftp/chunks.ts';
import { decodeTftp } from '../../../../src/wire/tftp/packet.ts';

function fileOf(content: Uint8Array, version?: string): ServedFile {
  return {
    size: content.length,
    mtimeMs: 0,
    version,
    async readInto(buffer, offset) {
      const part = content.subarray(offset, offset + buffer.length);
      buffer.set(part);
      return part.length;
    },
    close: async () => {},
  };
}

async function packetOf(blocks: FileBlocks, block: number): Promise<Uint8Array> {
  if (blocks.packets(block, block).length === 0) await blocks.load(block);
  return blocks.packets(block, block)[0] ?? new Uint8Array(0);
}

describe('FileBlocks', () => {
  test.each([
    [0, 512],
    [511, 512],
    [512, 512],
    [100_000, 8],
    [1_000_000, 1468],
    [600_000, 8192],
  ])('cuts %i bytes into DATA packets of %i, numbered from 1', async (size, blksize) => {
    const content = Uint8Array.from({ length: size }, (_, i) => (i * 31) % 255);
    const blocks = new FileBlocks(fileOf(content, 'v'), blksize, new ChunkCache());
    const last = Math.floor(size / blksize) + 1;
    for (let block = 1; block <= last; block++) {
      const payload = content.subarray((block - 1) * blksize, block * blksize);
      const packet = decodeTftp(await packetOf(blocks, block));
      if (packet?.kind !== 'data') throw new Error(`block ${block} is no DATA packet`);
      expect([packet.block, Buffer.compare(packet.payload, payload)]).toEqual([block & 0xffff, 0]);
    }
  });

  test('a file without a version is never shared: it was made for one client', async () => {
    const cache = new ChunkCache();
    const one = new FileBlocks(fileOf(Uint8Array.of(1)), 512, cache);
    const two = new FileBlocks(fileOf(Uint8Array.of(2)), 512, cache);
    expect([await packetOf(one, 1), await packetOf(two, 1)]).toEqual([
      Uint8Array.of(0, 3, 0, 1, 1),
      Uint8Array.of(0, 3, 0, 1, 2),
    ]);
  });

  test('a window that steps back over the border of a chunk still finds its blocks', async () => {
    const blocks = new FileBlocks(fileOf(new Uint8Array(2_000_000), 'v'), 8192, new ChunkCache());
    for (const block of [1, 65, 129, 64, 128, 65])
      expect((await packetOf(blocks, block)).length, `block ${block}`).toBe(8196);
  });
});
