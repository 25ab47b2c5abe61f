import { describe, expect, test } from 'vitest';
import { stageOfFile } from '../../../../src/domain/boot/stages.ts';

describe('stageOfFile: the step of a boot that a download completes', () => {
  test.each([
    ['undionly.kpxe', 'nbp'],
    ['/snponly.efi', 'nbp'],
    ['EFI/BOOT/grubx64.efi', 'nbp'],
    ['ipxe.kpxe', 'nbp'],
    ['boot.ipxe', 'script'],
    ['boot/vmlinuz-lts', 'kernel'],
    ['vmlinuz', 'kernel'],
    ['/boot/initramfs-virt', 'initramfs'],
    ['modloop-lts', undefined],
    ['vmlinuz/readme', undefined],
    ['notes.efi.txt', undefined],
    ['', undefined],
  ])('%j is %j', (name, stage) => expect(stageOfFile(name)).toBe(stage));
});
