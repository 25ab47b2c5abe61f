import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fileKind, HEAD_SIZE } from '../../../../src/domain/doctor/filekind.ts';

/** A head with these bytes at these places. */
function head(...parts: readonly (readonly [number, string])[]): Uint8Array {
  const bytes = new Uint8Array(HEAD_SIZE);
  for (const [at, text] of parts) bytes.set(Buffer.from(text, 'latin1'), at);
  return bytes;
}

const PE = (machine: string): Uint8Array => head([0, 'MZ'], [0x3c, '\x80\0\0\0'], [0x80, `PE\0\0${machine}`]);

describe('a boot file is known by its first bytes', () => {
  test.each([
    ['EFI x64', PE('\x64\x86')],
    ['EFI ia32', PE('\x4c\x01')],
    ['EFI arm64', PE('\x64\xaa')],
    ['EFI of another architecture', PE('\xc2\x01')],
    ['x86 kernel', head([0, 'MZ'], [0x202, 'HdrS'])],
    ['arm64 kernel', head([0, 'MZ'], [0x38, 'ARM\x64'])],
    ['initramfs', head([0, '\x1f\x8b\x08'])],
    ['initramfs', head([0, '070701'])],
    ['initramfs', head([0, '\x28\xb5\x2f\xfd'])],
    ['squashfs', head([0, 'hsqs'])],
    ['unknown', head([0, 'MZ'])],
    ['unknown', head([0, 'MZ'], [0x3c, '\xff\xff\xff\xff'])],
    ['unknown', new Uint8Array(0)],
    ['unknown', Uint8Array.of(0x4d)],
  ])('%s', (kind, bytes) => expect(fileKind(bytes)).toBe(kind));

  test.each([
    ['/usr/lib/ipxe/snponly.efi', 'EFI x64'],
    ['/usr/lib/ipxe/undionly.kpxe', 'unknown'],
  ])("Debian's %s", (path, kind) => {
    expect(fileKind(readFileSync(join(path)).subarray(0, HEAD_SIZE))).toBe(kind);
  });
});
