import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeTftp, encodeTftp, type TftpPacket } from '../../../../src/wire/tftp/packet.ts';

/** `\0` and escapes as in the RFC figures. */
function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, c => c.charCodeAt(0));
}

/** As sent by the firmware of boot-lab section 4, and the plain packets of RFC 1350. */
const ON_THE_WIRE: readonly [string, string, TftpPacket][] = [
  [
    'iPXE asks for a file',
    '\0\x01undionly.kpxe\0octet\0blksize\x001432\0tsize\x000\0',
    request('undionly.kpxe', { blksize: '1432', tsize: '0' }),
  ],
  [
    'OVMF asks for the size',
    '\0\x01snponly.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0',
    request('snponly.efi', { tsize: '0', blksize: '1468', windowsize: '4' }),
  ],
  [
    'OVMF asks for the file',
    '\0\x01snponly.efi\0octet\0blksize\x001468\0windowsize\x004\0',
    request('snponly.efi', { blksize: '1468', windowsize: '4' }),
  ],
  ['a request without options', '\0\x01a\0octet\0', request('a', {})],
  ['an upload', '\0\x02a\0octet\0', { ...request('a', {}), kind: 'wrq' }],
  ['DATA', '\0\x03\x01\x02xyz', { kind: 'data', block: 258, payload: bytes('xyz') }],
  ['empty DATA', '\0\x03\xff\xff', { kind: 'data', block: 65535, payload: bytes('') }],
  ['ACK', '\0\x04\0\x07', { kind: 'ack', block: 7 }],
  [
    'OVMF ends the size probe',
    '\0\x05\0\x08User aborted the transfer\0',
    { kind: 'error', code: 8, text: 'User aborted the transfer' },
  ],
  [
    'OACK',
    '\0\x06tsize\x001000\0blksize\x001468\0',
    { kind: 'oack', options: new Map(Object.entries({ tsize: '1000', blksize: '1468' })) },
  ],
];

function request(filename: string, options: Record<string, string>): TftpPacket & { kind: 'rrq' | 'wrq' } {
  return { kind: 'rrq', filename, mode: 'octet', options: new Map(Object.entries(options)) };
}

describe('decodeTftp', () => {
  test.each(ON_THE_WIRE)('reads %s', (_, wire, packet) => expect(decodeTftp(bytes(wire))).toEqual(packet));

  test.each<[string, string, TftpPacket]>([
    ['option names in any case', '\0\x01a\0OCTET\0BLKSIZE\x00512\0', request('a', { blksize: '512' })],
    [
      'the first of two equal options',
      '\0\x01a\0octet\0tsize\x000\0TSIZE\x001\0',
      request('a', { tsize: '0' }),
    ],
    ['a name without a value at the end', '\0\x01a\0octet\0tsize\x000\0pad\0', request('a', { tsize: '0' })],
    ['padding of NUL bytes', '\0\x01a\0octet\0\0\0\0', request('a', {})],
    ['a name of the object prototype', '\0\x01__proto__\0octet\0', request('__proto__', {})],
    ['an ERROR without NUL', '\0\x05\0\x01gone', { kind: 'error', code: 1, text: 'gone' }],
    ['an ERROR without text', '\0\x05\0\0', { kind: 'error', code: 0, text: '' }],
    ['ACK with trailing bytes', '\0\x04\0\x07....', { kind: 'ack', block: 7 }],
  ])('tolerates %s', (_, wire, packet) => expect(decodeTftp(bytes(wire))).toEqual(packet));

  test.each([
    ['nothing', ''],
    ['one byte', '\0'],
    ['an opcode alone', '\0\x01'],
    ['half an ACK', '\0\x04\0'],
    ['an unknown opcode', '\0\x07\0\0'],
    ['an opcode over 255', '\x01\x01a\0octet\0'],
    ['a request without end', '\0\x01a\0octet'],
    ['a request without mode', '\0\x01a\0'],
    ['a request without a name', '\0\x01\0octet\0'],
    ['an endless request', `\0\x01${'a'.repeat(1100)}\0octet\0`],
    ['an OACK without end', '\0\x06tsize\x001'],
  ])('refuses %s', (_, wire) => expect(decodeTftp(bytes(wire))).toBeUndefined());

  test('cuts the text of an ERROR at 256 bytes', () => {
    const packet = decodeTftp(bytes(`\0\x05\0\0${'x'.repeat(5000)}\0`));
    expect(packet).toEqual({ kind: 'error', code: 0, text: 'x'.repeat(256) });
  });
});

describe('encodeTftp', () => {
  test.each(ON_THE_WIRE)('writes %s byte by byte', (_, wire, packet) => {
    expect(encodeTftp(packet)).toEqual(bytes(wire));
  });

  test('a block number beyond 65,535 begins again at 0', () => {
    expect(encodeTftp({ kind: 'data', block: 65536, payload: bytes('a') })).toEqual(bytes('\0\x03\0\0a'));
    expect(encodeTftp({ kind: 'ack', block: 65537 })).toEqual(bytes('\0\x04\0\x01'));
  });

  test('what is written is read back the same', () => {
    const word = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .map(text => text.replaceAll('\0', '0'));
    const lower = word.map(text => text.toLowerCase());
    const options = fc.array(fc.tuple(lower, word), { maxLength: 4 }).map(pairs => new Map(pairs));
    const number = fc.integer({ min: 0, max: 65535 });
    const packet: fc.Arbitrary<TftpPacket> = fc.oneof(
      fc.record({
        kind: fc.constantFrom('rrq' as const, 'wrq' as const),
        filename: word,
        mode: lower,
        options,
      }),
      fc.record({
        kind: fc.constant('data' as const),
        block: number,
        payload: fc.uint8Array({ maxLength: 600 }),
      }),
      fc.record({ kind: fc.constant('ack' as const), block: number }),
      fc.record({ kind: fc.constant('error' as const), code: number, text: word }),
      fc.record({
        kind: fc.constant('oack' as const),
        options: options.filter(map => map.size > 0),
      }),
    );
    fc.assert(
      fc.property(packet, value => {
        const wire = encodeTftp(value);
        if ((value.kind === 'rrq' || value.kind === 'oack') && wire.length > 1024) return;
        expect(decodeTftp(wire)).toEqual(value);
      }),
      { seed: 20_260_101, numRuns: 500 },
    );
  });
});
