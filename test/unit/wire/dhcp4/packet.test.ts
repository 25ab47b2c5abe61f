import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat } from '../../../../src/base/bytes.ts';
import { type Ipv4, ipv4FromNumber } from '../../../../src/base/ipv4.ts';
import { OPTION } from '../../../../src/wire/dhcp4/code.ts';
import { decode, encode, type Packet } from '../../../../src/wire/dhcp4/packet.ts';
import { dhcpPacket, goldenBytes } from '../../../fakes/dhcp.ts';

/** A DISCOVER header with these bytes as its options area. */
function withOptions(...area: number[]): Uint8Array {
  return concat([encode(dhcpPacket('DISCOVER')).slice(0, 240), Uint8Array.from(area)]);
}

function changed(at: number, ...bytes: number[]): Uint8Array {
  const packet = goldenBytes('ovmf-pxe-discover').slice();
  packet.set(bytes, at);
  return packet;
}

function optionsOf(bytes: Uint8Array): [number, number[]][] {
  const packet = decode(bytes);
  if ('problem' in packet) throw new Error(packet.problem);
  return Array.from(packet.options, ([code, value]) => [code, [...value]]);
}

describe('decode', () => {
  test.each([
    ['nothing', new Uint8Array(), 'got 0 bytes, a DHCP message has at least 240'],
    [
      'a cut header',
      goldenBytes('udhcpc-discover').slice(0, 239),
      'got 239 bytes, a DHCP message has at least 240',
    ],
    ['another cookie', changed(236, 1, 2, 3, 4), 'got magic cookie 01020304, want 63825363'],
    ['a huge hardware address', changed(2, 17), 'got hardware address length 17, want at most 16'],
    [
      'an option past the end',
      withOptions(53, 1, 1, 55, 12, 1, 3, 6),
      'option 55 claims 12 bytes, only 3 are left',
    ],
    [
      'an option without length',
      withOptions(53, 1, 1, 55),
      'option 55 claims no length bytes, only 0 are left',
    ],
  ])('%s is a problem in words', (_, bytes, problem) => {
    expect(decode(bytes)).toEqual({ problem });
  });

  test('a missing end mark is forgiven', () => {
    expect(optionsOf(withOptions(53, 1, 1))).toEqual([[53, [1]]]);
  });

  test('what follows the end mark is not read, pads are skipped', () => {
    expect(optionsOf(withOptions(0, 0, 53, 1, 1, 0, 12, 1, 65, 255, 55, 200))).toEqual([
      [53, [1]],
      [12, [65]],
    ]);
  });

  test('an option in several parts is one value (RFC 3396)', () => {
    expect(optionsOf(withOptions(67, 2, 1, 2, 53, 1, 1, 67, 1, 3, 255))).toEqual([
      [67, [1, 2, 3]],
      [53, [1]],
    ]);
  });

  test('overloaded file and sname are read as options, in that order (RFC 2132 9.3)', () => {
    const bytes = withOptions(53, 1, 1, 52, 1, 3, 67, 1, 1, 255);
    bytes.set([67, 1, 2, 255], 108);
    bytes.set([67, 1, 3, 12, 1, 65, 255], 44);
    expect(decode(bytes)).toMatchObject({ sname: '', file: '' });
    expect(optionsOf(bytes)).toEqual([
      [53, [1]],
      [67, [1, 2, 3]],
      [12, [65]],
    ]);
  });

  test('an overload inside an overloaded field starts no second round', () => {
    const bytes = withOptions(53, 1, 1, 52, 1, 1, 255);
    bytes.set([52, 1, 2, 255], 108);
    bytes.set([12, 1, 65, 255], 44);
    expect(optionsOf(bytes)).toEqual([[53, [1]]]);
  });

  test('an overloaded field is checked like any other options', () => {
    const bytes = withOptions(53, 1, 1, 52, 1, 1, 255);
    bytes.set([12, 200], 108);
    expect(decode(bytes)).toEqual({ problem: 'option 12 claims 200 bytes, only 126 are left' });
  });
});

describe('encode', () => {
  test('a short packet is padded to the 300 bytes that BOOTP demands', () => {
    expect(encode(dhcpPacket('DISCOVER')).length).toBe(300);
  });

  test('a value of more than 255 bytes is split (RFC 3396)', () => {
    const bytes = encode(dhcpPacket('DISCOVER', { options: [[43, new Uint8Array(256).fill(7)]] }));
    expect([...bytes.slice(240, 247)]).toEqual([53, 1, 1, 43, 255, 7, 7]);
    expect([...bytes.slice(240 + 3 + 257)]).toEqual([43, 1, 7, 255]);
  });

  test.each([
    ['576 without option 57', undefined, 576 - 28],
    ['576 when the client says less', 100, 576 - 28],
    ['what the client takes', 900, 900 - 28],
  ])('a packet is at most %s', (_, maxSize, most) => {
    const options = Array.from({ length: 100 }, (_, i) => [100 + i, new Uint8Array(9)] as const);
    const bytes = encode(dhcpPacket('DISCOVER', { options }), maxSize);
    expect(bytes.length).toBeLessThanOrEqual(most);
    expect(bytes.length).toBeGreaterThan(most - 11);
  });

  test('what does not fit is left out whole; option 82 always goes, as the last one', () => {
    const options = [
      [OPTION.relayAgent, Uint8Array.of(1, 1, 9)],
      [43, new Uint8Array(400)],
      [12, Uint8Array.of(65)],
    ] as const;
    expect(optionsOf(encode(dhcpPacket('DISCOVER', { options })))).toEqual([
      [53, [1]],
      [12, [65]],
      [82, [1, 1, 9]],
    ]);
  });

  test('a name too long for its field is left out, never cut', () => {
    const fits = { ...dhcpPacket('DISCOVER'), file: 'f'.repeat(127), sname: 's'.repeat(63) };
    expect(decode(encode(fits))).toEqual(fits);
    const long = { ...fits, file: 'f'.repeat(128), sname: 's'.repeat(64) };
    expect(decode(encode(long))).toEqual({ ...fits, file: '', sname: '' });
  });
});

const ipv4 = fc.nat({ max: 0xffffffff }).map((value): Ipv4 => ipv4FromNumber(value));
const text = (maxLength: number) =>
  fc.uint8Array({ min: 1, maxLength }).map(bytes => String.fromCharCode(...bytes));
const option = fc.tuple(
  fc.integer({ min: 1, max: 254 }).filter(code => code !== OPTION.overload),
  fc.uint8Array({ maxLength: 600 }),
);
const anyPacket: fc.Arbitrary<Packet> = fc.record({
  op: fc.nat({ max: 255 }),
  htype: fc.nat({ max: 255 }),
  hops: fc.nat({ max: 255 }),
  xid: fc.nat({ max: 0xffffffff }),
  secs: fc.nat({ max: 0xffff }),
  flags: fc.nat({ max: 0xffff }),
  ciaddr: ipv4,
  yiaddr: ipv4,
  siaddr: ipv4,
  giaddr: ipv4,
  chaddr: fc.uint8Array({ maxLength: 16 }),
  sname: text(63),
  file: text(127),
  options: fc.array(option, { maxLength: 20 }).map(list => new Map(list)),
});

test('any packet is the same after writing and reading', () => {
  fc.assert(
    fc.property(anyPacket, packet => {
      expect(decode(encode(packet, 65_535))).toEqual(packet);
    }),
  );
});
