import { expect, test } from 'vitest';
import { ARCHITECTURES, architecture } from '../../../../src/domain/machine/arch.ts';

test.each([
  [0, 'bios', 'undionly.kpxe'],
  [7, 'uefi', 'snponly.efi'],
  [9, 'uefi', 'snponly.efi'],
  [16, 'uefi-http', 'snponly.efi'],
  [11, 'uefi', 'snponly-arm64.efi'],
])('architecture %i is %s and boots %s', (code, firmware, nbp) => {
  expect(architecture(code)).toMatchObject({ firmware, nbp });
});

test('no code stands twice, and an unknown one is undefined', () => {
  expect(new Set(ARCHITECTURES.map(arch => arch.code)).size).toBe(ARCHITECTURES.length);
  expect(architecture(2)).toBeUndefined();
});
