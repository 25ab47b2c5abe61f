import { describe, expect, test } from 'vitest';
import { negotiate } from '../../../../src/wire/tftp/options.ts';

function asked(text: string): Map<string, string> {
  return new Map(text.split(' ').flatMap(pair => (pair === '' ? [] : [pair.split('=') as [string, string]])));
}

const PLAIN = { blksize: 512, windowsize: 1, timeoutMs: undefined };

describe('negotiate', () => {
  test.each([
    ['nothing asked', '', '', PLAIN],
    ['iPXE', 'blksize=1432 tsize=0', 'blksize=1432 tsize=1000', { ...PLAIN, blksize: 1432 }],
    [
      'the size probe of OVMF',
      'tsize=0 blksize=1468 windowsize=4',
      'tsize=1000 blksize=1468 windowsize=4',
      { ...PLAIN, blksize: 1468, windowsize: 4 },
    ],
    ['a block that would be fragmented', 'blksize=65464', 'blksize=1468', { ...PLAIN, blksize: 1468 }],
    ['the smallest block', 'blksize=8', 'blksize=8', { ...PLAIN, blksize: 8 }],
    ['the largest window', 'windowsize=65535', 'windowsize=64', { ...PLAIN, windowsize: 64 }],
    ['the shortest timeout', 'timeout=1', 'timeout=1', { ...PLAIN, timeoutMs: 1000 }],
    ['the longest timeout', 'timeout=255', 'timeout=255', { ...PLAIN, timeoutMs: 255_000 }],
    ['a guessed size', 'tsize=17', 'tsize=1000', PLAIN],
    ['an unknown option beside a known one', 'multicast= tsize=0', 'tsize=1000', PLAIN],
  ])('%s', (_, request, oack, transfer) => {
    expect(negotiate(asked(request), { mtu: 1500 }, 1000)).toEqual({ ...transfer, accepted: asked(oack) });
  });

  test.each([
    'blksize=7',
    'blksize=65465',
    'blksize=-512',
    'blksize=0x200',
    'blksize=1e3',
    'blksize=',
    'blksize=99999999999999999999',
    'windowsize=0',
    'windowsize=65536',
    'timeout=0',
    'timeout=256',
    'timeout=1.5',
    'tsize=-1',
    'tsize=zero',
    'constructor=1',
  ])('leaves %s out of the OACK', request => {
    expect(negotiate(asked(request), { mtu: 1500 }, 1000)).toEqual({ ...PLAIN, accepted: new Map() });
  });

  test('the largest block follows the MTU', () => {
    const blksize = (mtu: number) => negotiate(asked('blksize=65464'), { mtu }, 0).blksize;
    expect([1280, 1500, 9000, 65_536].map(blksize)).toEqual([1248, 1468, 8968, 65_464]);
  });
});
