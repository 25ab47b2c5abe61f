import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { judgeProbe, parseQemuVersion, probeArguments, probeSector } from '../../../src/agent/kvm.ts';
import { type Execution, exec } from '../../../src/io/exec.ts';

const run = (part: Partial<Execution>): Execution => ({
  command: 'qemu',
  exitCode: undefined,
  signal: undefined,
  stdout: '',
  stderr: '',
  timedOut: false,
  failure: undefined,
  ...part,
});

describe('the probe', () => {
  test.each<[string, Partial<Execution>, object]>([
    ['a guest that left its sign', { exitCode: 33 }, { state: 'usable' }],
    [
      'a guest that hung',
      { signal: 'SIGKILL', timedOut: true },
      { state: 'unusable', reason: 'a guest started with KVM did not finish in 60 s' },
    ],
    [
      'a QEMU that gave up',
      { signal: 'SIGABRT', stderr: 'qemu: error: failed to set MSR 0x10a\n' },
      {
        state: 'unusable',
        reason: 'QEMU with KVM was ended by SIGABRT: qemu: error: failed to set MSR 0x10a',
      },
    ],
    [
      'a device without permission',
      { exitCode: 1, stderr: 'Could not access KVM kernel module: Permission denied' },
      {
        state: 'unusable',
        reason: 'QEMU with KVM ended with status 1: Could not access KVM kernel module: Permission denied',
      },
    ],
    [
      'a guest that never ran',
      { exitCode: 0 },
      { state: 'unusable', reason: 'QEMU with KVM ended, but its guest never ran' },
    ],
  ])('judges %s', (_, part, verdict) => {
    expect(judgeProbe(run(part))).toEqual(verdict);
  });

  test('really runs a guest: with emulation in the place of KVM it leaves its sign', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pxen-probe,-'));
    try {
      const image = join(folder, 'sector.img');
      writeFileSync(image, probeSector());
      const args = probeArguments(image).map(word =>
        word === 'kvm' ? 'tcg' : word === 'host' ? 'max' : word,
      );
      const end = await exec('qemu-system-x86_64', args, { timeout: 15_000 });
      expect([end.stderr, judgeProbe(end)]).toEqual(['', { state: 'usable' }]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test('the version is the word after "version"', () => {
  expect(parseQemuVersion('QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright')).toBe('7.2.22');
  expect(parseQemuVersion('something else')).toBeUndefined();
});
