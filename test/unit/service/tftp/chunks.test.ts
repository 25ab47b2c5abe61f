import { describe, expect, test } from 'vitest';
import { type Chunk, ChunkCache } from '../../../../src/service/tftp/chunks.ts';

function bytes(count: number): () => Promise<Chunk> {
  return async () => ({ packets: [], bytes: count });
}

describe('ChunkCache', () => {
  test('two who want one chunk at the same time cause one read', async () => {
    const cache = new ChunkCache();
    let reads = 0;
    const read = (): Promise<Chunk> => bytes(++reads)();
    const [a, b] = await Promise.all([cache.load('x', read), cache.load('x', read)]);
    expect([a === b, await cache.load('x', read), reads]).toEqual([true, a, 1]);
  });

  test('the least recently used chunk goes first', async () => {
    const cache = new ChunkCache(100);
    await cache.load('a', bytes(40));
    await cache.load('b', bytes(40));
    cache.peek('a');
    await cache.load('c', bytes(40));
    expect(['a', 'b', 'c'].map(key => cache.peek(key)?.bytes)).toEqual([40, undefined, 40]);
  });

  test('a chunk larger than the cache is given out and not kept', async () => {
    const cache = new ChunkCache(100);
    expect((await cache.load('a', bytes(200))).bytes).toBe(200);
    expect(cache.peek('a')).toBeUndefined();
  });

  test('a failed read is not remembered', async () => {
    const cache = new ChunkCache();
    await expect(cache.load('a', () => Promise.reject(new Error('bad disk')))).rejects.toThrow('bad disk');
    expect((await cache.load('a', bytes(1))).bytes).toBe(1);
  });
});
