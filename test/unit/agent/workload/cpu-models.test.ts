import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cpuModelsOf, parseCpuModels } from '../../../../src/agent/workload/cpu-models.ts';
import type { Execution } from '../../../../src/io/exec.ts';

const QEMU_7 = `Available CPUs:
x86 486                   (alias configured by machine type)
x86 486-v1                
x86 Penryn                (alias configured by machine type)
x86 Penryn-v1             Intel Core 2 Duo P9xxx (Penryn Class Core 2)
x86 qemu64                (alias configured by machine type)
x86 base                  base CPU model type with no features enabled
x86 host                  processor with all supported host features 

Recognized CPUID flags:
  3dnow 3dnowext 3dnowprefetch abm ace2
  vmx x2apic
`;
/** Since QEMU 9.1 without the architecture. */
const QEMU_9 = `Available CPUs:
  486                   (alias configured by machine type)
  Penryn-v1             Intel Core 2 Duo P9xxx (Penryn Class Core 2)
  host                  processor with all supported host features 

Recognized CPUID flags:
  3dnow 3dnowext
`;

describe('CPU models', () => {
  test.each([
    [QEMU_7, ['486', '486-v1', 'Penryn', 'Penryn-v1', 'qemu64', 'base', 'host']],
    [QEMU_9, ['486', 'Penryn-v1', 'host']],
    ['', []],
  ])('of a help text %#', (help, expected) => {
    expect(parseCpuModels(help)).toEqual(expected);
  });

  test('of any text are words', () => {
    fc.assert(fc.property(fc.string(), text => parseCpuModels(text).every(name => /^\S+$/.test(name))));
  });

  test('are asked for once, and again after a failure', async () => {
    const ran: Execution = {
      command: '',
      exitCode: 0,
      signal: undefined,
      stdout: QEMU_9,
      stderr: '',
      timedOut: false,
      failure: undefined,
    };
    const answers: Execution[] = [{ ...ran, exitCode: 1, stderr: 'no\n' }, ran];
    const said: string[] = [];
    const models = cpuModelsOf(
      async () => answers.shift() ?? ran,
      new AbortController().signal,
      line => said.push(line),
    );
    expect(await models()).toBeUndefined();
    expect(said).toEqual([
      'which CPU models QEMU has is not known: qemu-system-x86_64 -cpu help ended with status 1: no',
    ]);
    expect([await models(), await models()]).toEqual([
      ['486', 'Penryn-v1', 'host'],
      ['486', 'Penryn-v1', 'host'],
    ]);
    expect(answers).toEqual([]);
  });
});
