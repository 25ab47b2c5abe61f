import { expect, test } from 'vitest';
import { architecture } from '../../../../src/domain/machine/arch.ts';

test.each([
  [0, 'bios', 'undionly.kpxe'],
  [6, 'uefi', 'snponly-ia32.efi'],
  [7, 'uefi', 'snponly.efi'],
  [9, 'uefi', 'snponly.efi'],
  [11, 'uefi', 'snponly-arm64.efi'],
  [16, 'uefi-http', 'snponly.efi'],
])('option 93 with %i is %s firmware and gets %s', (code, firmware, nbp) => {
  const found = architecture(code);
  expect([found?.firmware, found?.nbp]).toEqual([firmware, nbp]);
});

test('an unknown code has no boot program', () => expect(architecture(255)).toBeUndefined());
