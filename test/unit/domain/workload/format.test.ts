import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatWorkload } from '../../../../src/domain/workload/format.ts';
import { parseWorkload } from '../../../../src/domain/workload/parse.ts';
import { formatMemory } from '../../../../src/domain/workload/values.ts';
import { anyWorkload, furnishedWorkload } from '../../../fakes/workloads.ts';
import { SEED, SMALL, well } from './config.ts';

test('what is written reads as the same workload', () => {
  fc.assert(
    fc.property(anyWorkload, workload => {
      expect(parseWorkload(formatWorkload(workload), 'f')).toMatchObject({ problems: [], workload });
    }),
    { numRuns: 300 },
  );
});

test('what is written of any keys reads as the same workload', () => {
  fc.assert(
    fc.property(furnishedWorkload, workload => {
      const { problems, workload: again } = parseWorkload(formatWorkload(workload), 'f', 'any');
      expect([problems, again]).toEqual([[], workload]);
    }),
    { numRuns: 300 },
  );
});

test('the example of the source document, in the order of the table and without defaults', () => {
  expect(formatWorkload(well(SEED).workload)).toBe(`name=qemutest1
uuid=qweflmqwe23
platform.memory.size=4G
platform.cpu.threads=2
platform.volume.0.type=iso
platform.volume.0.path=/tmp/alpine.iso
platform.volume.0.source=http://host0/isos/alpine-virt-3.21.3-x86_64.iso
network.0.type=bridge
network.0.bridge=br0
runtime.console.type=vnc
runtime.console.id=5
`);
});

test('what is not the default is written', () => {
  const text = `${SMALL.replace('1G', '1048577K')}platform.cpu.mode=max
platform.volume.0.writable=1
platform.volume.0.ephemeral=0
network.0.mac=52:54:00:00:00:01
runtime.boot=n0,0
runtime.console.id=0
runtime.autostart=0
placement.node=n1
`;
  const lines = formatWorkload(well(text).workload).trimEnd().split('\n');
  expect(lines.toSorted()).toEqual(text.trimEnd().split('\n').toSorted());
});

test.each([
  [1024, '1K'],
  [1025 * 1024, '1025K'],
  [500 * 1024 ** 2, '500M'],
  [1024 ** 3, '1G'],
  [16 * 1024 ** 4, '16T'],
])('%i bytes of memory are %s', (bytes, text) => {
  expect(formatMemory(bytes)).toBe(text);
});
