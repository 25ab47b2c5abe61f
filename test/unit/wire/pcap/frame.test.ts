import { describe, expect, test } from 'vitest';
import { toHex } from '../../../../src/base/bytes.ts';
import type { Ipv4 } from '../../../../src/base/ipv4.ts';
import type { Mac } from '../../../../src/base/mac.ts';
import { checksumOf, sumOf } from '../../../../src/wire/pcap/checksum.ts';
import { TCP, tcpFrame, udpFrame } from '../../../../src/wire/pcap/frame.ts';

const FROM = { mac: '52:54:00:12:34:56' as Mac, address: '10.77.0.100' as Ipv4, port: 2070 };
const TO = { mac: '02:00:00:00:00:01' as Mac, address: '10.77.0.1' as Ipv4, port: 69 };
const bytes = (...values: number[]): Uint8Array => Uint8Array.of(...values);

describe('the checksum of RFC 1071', () => {
  test.each([
    ['the example of its section 3', bytes(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7), 0x220d],
    ['nothing', bytes(), 0xffff],
    ['an odd byte counts as the upper half', bytes(0x12), 0xedff],
    ['carries are folded in again and again', new Uint8Array(131_072).fill(0xff), 0x0000],
  ])('%s', (_, data, sum) => expect(checksumOf(sumOf(data))).toBe(sum));
});

test('a UDP frame has the headers of Ethernet, IPv4 and UDP', () => {
  expect(toHex(udpFrame({ from: FROM, to: TO, payload: bytes(0, 1) }))).toBe(
    [
      '020000000001525400123456' + '0800',
      '4500001e00000000401165d1',
      '0a4d00640a4d0001',
      '08160045000ae27f',
      '0001',
    ].join(''),
  );
});

test('a TCP frame has sequence, acknowledgement and flags', () => {
  const fields = { sequence: 1, acknowledgement: 2, flags: TCP.push | TCP.ack };
  const frame = tcpFrame({ from: FROM, to: { ...TO, port: 80 }, payload: bytes(0x47) }, fields);
  expect(toHex(frame.subarray(34))).toBe(
    ['08160050', '00000001', '00000002', '5018ffff', '4b640000', '47'].join(''),
  );
});

test('every checksum of a frame comes out right, whatever its length', () => {
  const wrong = Array.from({ length: 40 }, (_, length) => {
    const frame = udpFrame({ from: FROM, to: TO, payload: new Uint8Array(length).fill(length) });
    const pseudo = sumOf(frame.subarray(26, 34), 17 + frame.length - 34);
    return [checksumOf(sumOf(frame.subarray(14, 34))), checksumOf(sumOf(frame.subarray(34), pseudo))];
  }).filter(([ip, udp]) => ip !== 0 || udp !== 0);
  expect(wrong).toEqual([]);
});

test('a payload that no datagram can hold is cut', () => {
  expect(udpFrame({ from: FROM, to: TO, payload: new Uint8Array(70_000) }).length).toBeLessThanOrEqual(
    14 + 65_535,
  );
});
