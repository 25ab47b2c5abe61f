import { describe, expect, test } from 'vitest';
import { PxenError } from '../../../../src/base/error.ts';
import { isSame, roomIn, taken } from '../../../../src/domain/iso/decide.ts';
import { imageName } from '../../../../src/domain/iso/name.ts';
import type { Image } from '../../../../src/domain/iso/record.ts';

describe('imageName', () => {
  test.each([
    ['https://mirror/iso/debian-13.iso', undefined, 'debian-13.iso'],
    ['https://mirror/iso/debian-13.iso?token=1#x', undefined, 'debian-13.iso'],
    ['http://mirror/a%2Bb.iso', undefined, 'a+b.iso'],
    ['/root/alpine_3.22.iso', undefined, 'alpine_3.22.iso'],
    ['alpine.iso', undefined, 'alpine.iso'],
    ['https://mirror/latest', 'debian.iso', 'debian.iso'],
  ])('%s as %s is %s', (source, wanted, name) => expect(imageName(source, wanted)).toBe(name));

  const expected =
    'expected letters, digits and . _ + - with a letter or digit first, at most 200, such as debian-12.iso';
  test.each([
    ['https://mirror/', undefined, 'the name in "https://mirror/": got ""'],
    [
      'https://mirror/my%20disk.iso',
      undefined,
      'the name in "https://mirror/my%20disk.iso": got "my disk.iso"',
    ],
    ['https://mirror/%2e%2e%2fetc', undefined, 'the name in "https://mirror/%2e%2e%2fetc": got "../etc"'],
    ['https://me:secret@mirror/', undefined, 'the name in "https://mirror/": got ""'],
    ['https://mirror/%zz', undefined, 'the name in "https://mirror/%zz": got "%zz"'],
    ['/root/.hidden', undefined, 'the name in "/root/.hidden": got ".hidden"'],
    ['x', '../x', '--name: got "../x"'],
    ['x', '.x.pxen-part', '--name: got ".x.pxen-part"'],
    ['x', 'a/b', '--name: got "a/b"'],
    ['x', '-force', '--name: got "-force"'],
    ['x', 'y'.repeat(201), `--name: got "${'y'.repeat(77)}..."`],
  ])('%s as %s is refused', (source, wanted, got) => {
    const details = wanted === undefined ? ['give it one: --name NAME'] : [];
    expect(() => imageName(source, wanted)).toThrow(
      new PxenError('USAGE', `${got}, ${expected}`, { details }),
    );
  });
});

const image: Image = {
  name: 'x.iso',
  bytes: 2048,
  mtimeMs: 7,
  record: { bytes: 2048, sha256: 'abc', source: 'http://a/x.iso', validator: '"v"', addedAt: 1, mtimeMs: 7 },
};

describe('isSame', () => {
  const source = 'http://a/x.iso';
  test.each<[string, Image, Parameters<typeof isSame>[1], boolean | undefined]>([
    ['the same checksum', image, { source, sha256: 'ABC' }, true],
    ['another checksum', image, { source, sha256: 'abd' }, false],
    ['the checksum counts, whatever else is said', image, { source, sha256: 'abc', bytes: 1 }, true],
    ['another size', image, { source, bytes: 1 }, false],
    ['the same validator of the same URL', image, { source, validator: '"v"', bytes: 2048 }, true],
    ['another validator', image, { source, validator: '"w"', bytes: 2048 }, undefined],
    ['the same validator of another URL', image, { source: 'http://b/x.iso', validator: '"v"' }, undefined],
    ['nothing is known', image, { source }, undefined],
    ['a file that was touched', { ...image, mtimeMs: 8 }, { source, sha256: 'abc' }, undefined],
    ['a file that was touched, of another size', { ...image, mtimeMs: 8 }, { source, bytes: 1 }, false],
    [
      'a file that was put there by hand',
      { ...image, record: undefined },
      { source, validator: '"v"' },
      undefined,
    ],
  ])('%s', (_what, there, coming, expected) => expect(isSame(there, coming)).toBe(expected));
});

test('taken says what is there and what to do', () => {
  expect(taken(image)).toMatchObject({
    message: 'x.iso is there already, with another content (2.0 KiB from http://a/x.iso)',
    details: ['--force replaces it, --name gives the new one another name'],
  });
  expect(taken({ ...image, record: undefined }).message).toBe(
    'x.iso is there already, with another content (2.0 KiB)',
  );
});

describe('roomIn', () => {
  const images = [
    { name: 'a', bytes: 3 << 20 },
    { name: 'b', bytes: 1 << 20 },
  ];
  test.each<[number, string, ReturnType<typeof roomIn>]>([
    [0, 'c', {}],
    [5 << 20, 'c', { maxBytes: 1 << 20, maxReason: 'isos.quota is 5.0 MiB, and 4.0 MiB of it are taken' }],
    [5 << 20, 'a', { maxBytes: 4 << 20, maxReason: 'isos.quota is 5.0 MiB, and 1.0 MiB of it are taken' }],
    [2 << 20, 'c', { maxBytes: 0, maxReason: 'isos.quota is 2.0 MiB, and 4.0 MiB of it are taken' }],
  ])('a quota of %i for %s', (quota, name, expected) =>
    expect(roomIn(quota, images, name)).toEqual(expected),
  );
});
