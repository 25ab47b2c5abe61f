import { expect, test } from 'vitest';
import { KERNEL_HEAD, type KernelForm, kernelFormOf } from '../../../../src/domain/vm/kernel-form.ts';

const head = (
  ...marks: readonly (readonly [at: number, bytes: string | readonly number[]])[]
): Uint8Array => {
  const bytes = new Uint8Array(KERNEL_HEAD);
  for (const [at, mark] of marks) bytes.set(typeof mark === 'string' ? Buffer.from(mark) : mark, at);
  return bytes;
};

test.each<[string, KernelForm, Uint8Array]>([
  ['a bzImage', 'bzImage', head([0x202, 'HdrS'])],
  ['a bzImage with an EFI stub', 'bzImage', head([0, 'MZ'], [0x202, 'HdrS'])],
  ['an Image of aarch64 with an EFI stub', 'PE', head([0, 'MZ'], [0x38, 'ARM\x64'])],
  ['a vmlinux', 'ELF', head([0, '\x7fELF'])],
  ['a vmlinux.bin', 'raw', head([0, [0x48, 0x8d, 0x25]])],
  ['an Image.gz', 'compressed', head([0, [0x1f, 0x8b, 8]])],
  ['one packed by xz', 'compressed', head([0, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]])],
  ['one packed by zstd', 'compressed', head([0, [0x28, 0xb5, 0x2f, 0xfd]])],
  ['one packed by lz4', 'compressed', head([0, [0x02, 0x21, 0x4c, 0x18]])],
  ['the beginning of a mark', 'raw', Uint8Array.of(0x7f, 0x45)],
  ['an empty file', 'raw', new Uint8Array()],
])('%s is %s', (_what, form, bytes) => {
  expect(kernelFormOf(bytes)).toBe(form);
});
