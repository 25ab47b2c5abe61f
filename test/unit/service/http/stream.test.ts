import { createServer, get, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { ServedFile } from '../../../../src/base/served.ts';
import { type Sent, streamFile, streamParts } from '../../../../src/service/http/stream.ts';
import { noise } from './running.ts';

const MIB = 1 << 20;

/** A file in memory that says how it is read. */
function fileOf(content: Buffer): ServedFile & { reads: [number, number][] } {
  const reads: [number, number][] = [];
  return {
    size: content.length,
    mtimeMs: 0,
    reads,
    async readInto(buffer, offset) {
      reads.push([offset, buffer.length]);
      return content.copy(buffer, 0, offset, offset + buffer.length);
    },
    close: async () => {},
  };
}

/** Lets a real response go out and hands back what the client got and what became of it. */
async function sent(
  send: (response: ServerResponse) => Promise<Sent>,
  leaveAfter = Infinity,
): Promise<{ got: Buffer; sent: Sent }> {
  let outcome: Promise<Sent> | undefined;
  const server = createServer((_request, response) => {
    response.flushHeaders();
    outcome = send(response);
    outcome.then(result => result.trouble === undefined && response.end());
  }).listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
  const parts: Buffer[] = [];
  let size = 0;
  await new Promise<void>(resolve => {
    const outgoing = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' }, response => {
      if (leaveAfter === 0) outgoing.destroy();
      response.on('data', (part: Buffer) => {
        parts.push(part);
        size += part.length;
        if (size >= leaveAfter) outgoing.destroy();
      });
      response.on('error', () => {});
      response.on('close', resolve);
    });
    outgoing.on('error', () => resolve());
  });
  const result = await outcome!;
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
  return { got: Buffer.concat(parts), sent: result };
}

describe('streamFile', () => {
  const content = noise(5 * MIB + 123);

  test.each([
    ['the whole file', 0, content.length],
    ['a part from the middle', MIB - 1, 3 * MIB + 1],
    ['one byte', 7, 8],
    ['exactly one buffer', 0, MIB],
    ['exactly two buffers', 0, 2 * MIB],
    ['nothing', 5, 5],
  ])('sends %s', async (_, start, end) => {
    const answer = await sent(response => streamFile(fileOf(content), { start, end }, response));
    expect(answer.sent).toEqual({ bytes: end - start });
    expect(answer.got.equals(content.subarray(start, end))).toBe(true);
  });

  test('reads each byte once, a mebibyte at a time', async () => {
    const file = fileOf(content);
    await sent(response => streamFile(file, { start: 0, end: content.length }, response));
    expect(file.reads).toEqual([0, 1, 2, 3, 4, 5].map(i => [i * MIB, i < 5 ? MIB : 123]));
  });

  test('listens to one thing at a time, however long the file', async () => {
    const most = { close: 0, drain: 0, error: 0 };
    await sent(response => {
      const before = {
        close: response.listenerCount('close'),
        drain: response.listenerCount('drain'),
        error: response.listenerCount('error'),
      };
      const file = fileOf(content);
      const watched: ServedFile = {
        ...file,
        async readInto(buffer, offset) {
          for (const event of ['close', 'drain', 'error'] as const)
            most[event] = Math.max(most[event], response.listenerCount(event) - before[event]);
          return file.readInto(buffer, offset);
        },
      };
      return streamFile(watched, { start: 0, end: content.length }, response);
    });
    expect(most.close).toBeLessThanOrEqual(1);
    expect([most.drain, most.error]).toEqual([0, 0]);
  });

  test('stops reading when the client goes away, and counts what the system took', async () => {
    const big = noise(40 * MIB);
    const file = fileOf(big);
    const { sent: result } = await sent(
      response => streamFile(file, { start: 0, end: big.length }, response),
      1,
    );
    expect(result.trouble).toBe('the client went away');
    expect(result.bytes % MIB).toBe(0);
    expect(result.bytes).toBeLessThan(big.length);
    expect(file.reads.length).toBeLessThan(40);
  });

  test('a file shorter than promised ends the connection', async () => {
    const { got, sent: result } = await sent(response =>
      streamFile(fileOf(content), { start: 0, end: content.length + 1 }, response),
    );
    expect(result).toEqual({ bytes: 5 * MIB, trouble: 'the file became shorter while it was sent' });
    expect(got.length).toBeLessThanOrEqual(5 * MIB);
  });

  test('a fault of the file reaches the caller', async () => {
    const file: ServedFile = { ...fileOf(content), readInto: () => Promise.reject(new Error('EIO')) };
    const answer = sent(async response => {
      await expect(streamFile(file, { start: 0, end: 10 }, response)).rejects.toThrow('EIO');
      return { bytes: 0 };
    });
    expect((await answer).sent).toEqual({ bytes: 0 });
  });
});

test('streamParts sends the members one after the other', async () => {
  const parts = [noise(3 * MIB), Buffer.from('x'), noise(10)];
  const answer = await sent(response => streamParts(parts, { start: 0, end: 3 * MIB + 11 }, response));
  expect(answer.sent).toEqual({ bytes: 3 * MIB + 11 });
  expect(answer.got.equals(Buffer.concat(parts))).toBe(true);
});

test('streamParts stops where the client goes away', async () => {
  const parts = Array.from({ length: 40 }, () => noise(MIB));
  const { sent: result } = await sent(
    response => streamParts(parts, { start: 0, end: 40 * MIB }, response),
    1,
  );
  expect(result.trouble).toBe('the client went away');
  expect(result.bytes).toBeLessThan(40 * MIB);
});
