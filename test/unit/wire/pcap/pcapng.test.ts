import { describe, expect, test } from 'vitest';
import { concat, toHex } from '../../../../src/base/bytes.ts';
import { type Capture, encodePcapng } from '../../../../src/wire/pcap/pcapng.ts';
import { decodePcapng } from '../../../../src/wire/pcap/read.ts';

const CAPTURE: Capture = {
  application: 'pxen 0.1.0',
  comment: 'Last boot of 91d5815f',
  interface: 'br0',
  packets: [
    { at: 1_700_000_000_000_001, frame: Uint8Array.of(1, 2, 3), comment: 'three bytes' },
    { at: 1_700_000_000_123_456, frame: new Uint8Array(60).fill(7) },
    { at: 0, frame: new Uint8Array(0) },
  ],
};

test('what is written is read again', () => {
  expect(decodePcapng(encodePcapng(CAPTURE))).toEqual(CAPTURE);
});

test('a capture without packets, comment or name is a file too', () => {
  const empty = { application: '', interface: '', packets: [] };
  expect(decodePcapng(encodePcapng(empty))).toEqual({ ...empty, comment: undefined });
});

test('the first blocks are those of the specification', () => {
  const { packets, ...rest } = CAPTURE;
  expect(packets.length).toBe(3);
  const head = toHex(encodePcapng({ ...rest, comment: undefined, packets: [] }));
  expect(head).toBe(
    [
      '0a0d0d0a' + '30000000' + '4d3c2b1a' + '01000000' + 'ffffffffffffffff',
      '04000a00' + '7078656e20302e312e300000' + '00000000' + '30000000',
      '01000000' + '28000000' + '0100' + '0000' + '00000400' + '02000300' + '62723000',
      '09000100' + '06000000' + '00000000' + '28000000',
    ].join(''),
  );
});

/** A block of the big-endian kind. */
function big(type: number, ...words: number[]): Uint8Array {
  const block = new Uint8Array(12 + words.length * 4);
  const view = new DataView(block.buffer);
  for (const [index, word] of [type, block.length, ...words, block.length].entries())
    view.setUint32(index * 4, word);
  return block;
}

test('a big-endian file with nanoseconds and unknown blocks is read as well', () => {
  const file = concat([
    big(0x0a0d0d0a, 0x1a2b3c4d, 0x00010000, 0xffffffff, 0xffffffff),
    big(1, 0x00010000, 0, 0x00090001, 0x09000000, 0),
    big(5, 1, 2, 3),
    big(6, 0, 0, 5_000_000, 2, 2, 0xabcd0000),
  ]);
  expect(decodePcapng(file)).toEqual({
    application: '',
    comment: undefined,
    interface: '',
    packets: [{ at: 5000, frame: Uint8Array.of(0xab, 0xcd) }],
  });
});

describe('what cannot be read is told with its place', () => {
  const good = encodePcapng(CAPTURE);
  const changed = (at: number, value: number): Uint8Array => {
    const copy = good.slice();
    new DataView(copy.buffer).setUint32(at, value, true);
    return copy;
  };
  const firstPacket = good.length - encodePcapng({ ...CAPTURE, packets: [] }).length;
  const packetAt = good.length - firstPacket;
  test.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(0), 'the file is empty'],
    [
      'a classic pcap file',
      Uint8Array.of(0xd4, 0xc3, 0xb2, 0xa1),
      'no section header at the beginning: this is no pcapng',
    ],
    [
      'a file that was cut off',
      good.subarray(0, good.length - 2),
      `block at byte ${good.length - 32} claims 32 bytes, 30 are left`,
    ],
    ['a length that is not its own', changed(4, 8), 'block at byte 0 claims 8 bytes, '],
    [
      'an unknown interface',
      changed(packetAt + 8, 9),
      `block at byte ${packetAt}: it names an interface that no block describes`,
    ],
    [
      'a packet longer than its block',
      changed(packetAt + 20, 99),
      `block at byte ${packetAt}: it claims 99 bytes of packet and has 24`,
    ],
  ])('%s', (_, file, problem) => {
    const read = decodePcapng(file);
    expect('problem' in read && read.problem.slice(0, problem.length)).toBe(problem);
  });
});
