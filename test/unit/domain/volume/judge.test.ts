import { describe, expect, test } from 'vitest';
import { HEAD_BYTES, kindOf } from '../../../../src/domain/volume/content.ts';
import { judgeContent, judgeSource } from '../../../../src/domain/volume/judge.ts';
import { parseQcow2 } from '../../../../src/domain/volume/qcow2.ts';
import type { VolumeFormat } from '../../../../src/domain/workload/workload.ts';
import { qcow2Header } from '../../../fakes/volumes.ts';

/** A beginning of full length with these bytes at this place. */
function head(at: number, bytes: string): Uint8Array {
  const whole = new Uint8Array(HEAD_BYTES);
  whole.set(Buffer.from(bytes, 'latin1'), at);
  return whole;
}

const IMAGES: [string, Uint8Array, string][] = [
  [
    'a hybrid ISO, which has a partition table too',
    Buffer.concat([head(510, 'U\xaa').subarray(0, 0x8001), Buffer.from('CD001')]),
    'an ISO 9660 image',
  ],
  ['a UDF image', head(0x8001, 'BEA01'), 'a UDF image'],
  ['a disk with an MBR', head(510, 'U\xaa'), 'a raw disk image'],
  ['a disk with a GPT', head(512, 'EFI PART'), 'a raw disk image'],
  ['VMDK', head(0, 'KDMV'), 'a VMDK image'],
  ['VMDK in two files', head(0, '# Disk DescriptorFile\n'), 'the description of a VMDK image'],
  [
    'VDI',
    head(0, `<<< Oracle VM VirtualBox Disk Image >>>\n${'\0'.repeat(24)}\x7f\x10\xda\xbe`),
    'a VDI image',
  ],
  ['VHDX', head(0, 'vhdxfile'), 'a VHDX image'],
  ['VHD', head(0, 'conectix'), 'a VHD image'],
  ['QED', head(0, 'QED\0'), 'a QED image'],
  ['LUKS', head(0, 'LUKS\xba\xbe'), 'a LUKS volume'],
  ['gzip', head(0, '\x1f\x8b\x08'), 'a file compressed with gzip'],
  ['xz', head(0, '\xfd7zXZ\0'), 'a file compressed with xz'],
  ['zstd', head(0, '\x28\xb5\x2f\xfd'), 'a file compressed with zstd'],
  ['bzip2', head(0, 'BZh9'), 'a file compressed with bzip2'],
  ['zip', head(0, 'PK\x03\x04'), 'a file compressed with zip'],
  ['tar', head(257, 'ustar\0'), 'a tar archive'],
  ['a page', Buffer.from(' \n<!DOCTYPE HTML PUBLIC "-//W3C">'), 'a web page'],
  ['another page', Buffer.from('<html lang="en">'), 'a web page'],
];

describe('kindOf', () => {
  test.each(IMAGES)('%s', (_what, bytes, kind) => expect(kindOf(bytes)).toBe(kind));

  test('a qcow2 image', () => expect(kindOf(qcow2Header())).toBe('a qcow2 image'));

  test.each([[''], ['x'], ['nothing that is known']])('%j is like nothing', text =>
    expect(kindOf(Buffer.from(text))).toBeUndefined(),
  );
});

describe('judgeContent', () => {
  test.each(IMAGES)('an ISO volume may be anything but empty or qcow2: %s', (_what, bytes) =>
    expect(judgeContent('iso', bytes)).toBeUndefined(),
  );

  test('a raw disk may be anything but empty or qcow2', () => {
    for (const [, bytes] of IMAGES) expect(judgeContent('qcow2', bytes, 'raw')).toBeUndefined();
    expect(judgeContent('qcow2', new Uint8Array(512), 'raw')).toBeUndefined();
    expect(judgeContent('qcow2', new Uint8Array(), 'raw')).toBe('is empty');
    expect(judgeContent('qcow2', qcow2Header(), 'raw')).toBe(
      'is a qcow2 image and no raw disk; convert it: qemu-img convert -O raw OLD NEW, or name it as source',
    );
    expect(judgeContent('qcow2', qcow2Header(), 'qcow2')).toBeUndefined();
  });

  test.each<[string, 'iso' | 'qcow2', VolumeFormat | undefined, Uint8Array, ReturnType<typeof judgeSource>]>([
    ['an image as it is', 'qcow2', 'qcow2', qcow2Header(), 'take'],
    ['a raw disk as it is', 'qcow2', 'raw', new Uint8Array(512), 'take'],
    ['an ISO as it is', 'iso', undefined, new Uint8Array(512), 'take'],
    ['an image that is to be a raw disk', 'qcow2', 'raw', qcow2Header(), 'convert'],
    [
      'no image that hides another file',
      'qcow2',
      'raw',
      qcow2Header(view => view.setBigUint64(8, 512n)),
      {
        refused: 'needs another file, its backing file ""; make it whole: qemu-img convert -O qcow2 OLD NEW',
      },
    ],
    [
      'no raw disk for an image',
      'qcow2',
      'qcow2',
      new Uint8Array(512),
      { refused: 'is no qcow2 image, and like nothing that is known here (a raw disk image?)' },
    ],
  ])('of a source it takes %s', (_what, type, format, head, verdict) =>
    expect(judgeSource({ type, format }, head)).toEqual(verdict),
  );

  test.each<['iso' | 'qcow2', Uint8Array, string | undefined]>([
    ['iso', new Uint8Array(), 'is empty'],
    ['iso', qcow2Header(), 'is a qcow2 image and no ISO; its type is qcow2'],
    ['qcow2', new Uint8Array(), 'is empty'],
    ['qcow2', qcow2Header(), undefined],
    ['qcow2', qcow2Header(view => view.setUint32(4, 2)), undefined],
    [
      'qcow2',
      Buffer.from('what?'),
      'is no qcow2 image, and like nothing that is known here (a raw disk image?)',
    ],
    ['qcow2', head(0x8001, 'CD001'), 'is no qcow2 image, it looks like an ISO 9660 image; its type is iso'],
    [
      'qcow2',
      head(510, 'U\xaa'),
      'is no qcow2 image, it looks like a raw disk image; convert it: qemu-img convert -O qcow2 OLD NEW',
    ],
    [
      'qcow2',
      head(0, '\x1f\x8b'),
      'is no qcow2 image, it looks like a file compressed with gzip; unpack it first',
    ],
    ['qcow2', head(257, 'ustar'), 'is no qcow2 image, it looks like a tar archive'],
    [
      'qcow2',
      Buffer.from('<html>'),
      'is no qcow2 image, it looks like a web page; does the URL lead to a page about it?',
    ],
    ['qcow2', qcow2Header().subarray(0, 60), 'is no good qcow2 image: it has no qcow2 header'],
    ['qcow2', qcow2Header().subarray(0, 80), 'is no good qcow2 image: its header is cut off'],
    [
      'qcow2',
      qcow2Header(view => view.setUint32(4, 1)),
      'is no good qcow2 image: its qcow2 version is 1, expected 2 or 3',
    ],
    [
      'qcow2',
      qcow2Header(view => view.setUint32(20, 8)),
      'is no good qcow2 image: its header is damaged: clusters of 2^8 bytes',
    ],
    [
      'qcow2',
      qcow2Header(view => view.setBigUint64(24, 2n ** 63n)),
      'is no good qcow2 image: its header is damaged: a size of 9223372036854775808 bytes',
    ],
    [
      'qcow2',
      qcow2Header(view => view.setUint32(32, 2)),
      'is encrypted (LUKS), and there is no key for it here',
    ],
    [
      'qcow2',
      qcow2Header(view => view.setUint32(32, 9)),
      'is encrypted (unknown), and there is no key for it here',
    ],
    [
      'qcow2',
      qcow2Header(withBackingFile('/etc/shadow')),
      'needs another file, its backing file "/etc/shadow"; make it whole: qemu-img convert -O qcow2 OLD NEW',
    ],
    [
      'qcow2',
      qcow2Header(view => view.setBigUint64(8, 2n ** 60n)),
      'needs another file, its backing file ""; make it whole: qemu-img convert -O qcow2 OLD NEW',
    ],
    [
      'qcow2',
      qcow2Header(view => view.setBigUint64(72, 4n)),
      'needs another file, its data file ""; make it whole: qemu-img convert -O qcow2 OLD NEW',
    ],
    [
      'qcow2',
      qcow2Header(withExtensions([0x6803f857, 'names of features'], [0x44415441, '/dev/sda'])),
      'needs another file, its data file "/dev/sda"; make it whole: qemu-img convert -O qcow2 OLD NEW',
    ],
  ])('%s, %#: %o', (type, bytes, expected) => expect(judgeContent(type, bytes)).toBe(expected));
});

describe('parseQcow2', () => {
  test('reads the header of version 3', () => {
    expect(parseQcow2(qcow2Header())).toEqual({
      version: 3,
      virtualSize: 2 ** 20,
      clusterBytes: 65_536,
      encryption: 'none',
      backingFile: undefined,
      dataFile: undefined,
    });
  });

  test('version 2 has no features and no extensions', () => {
    const old = qcow2Header(view => {
      view.setUint32(4, 2);
      view.setBigUint64(72, 4n);
    });
    expect(parseQcow2(old)).toMatchObject({ version: 2, dataFile: undefined });
  });

  test('extensions end where they say so', () => {
    const image = qcow2Header(withExtensions([0, ''], [0x44415441, '/dev/sda']));
    expect(parseQcow2(image)).toMatchObject({ dataFile: undefined });
  });
});

function withBackingFile(name: string) {
  return (view: DataView): void => {
    view.setBigUint64(8, 512n);
    view.setUint32(16, name.length);
    write(view, 512, name);
  };
}

function withExtensions(...extensions: [number, string][]) {
  return (view: DataView): void => {
    let at = 104;
    for (const [type, text] of extensions) {
      view.setUint32(at, type);
      view.setUint32(at + 4, text.length);
      write(view, at + 8, text);
      at += 8 + Math.ceil(text.length / 8) * 8;
    }
  };
}

function write(view: DataView, at: number, text: string): void {
  new Uint8Array(view.buffer).set(Buffer.from(text), at);
}
