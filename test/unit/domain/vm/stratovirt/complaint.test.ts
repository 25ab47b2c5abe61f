import fc from 'fast-check';
import { expect, test } from 'vitest';
import { complaintOf } from '../../../../../src/domain/vm/stratovirt/complaint.ts';

test.each([
  [
    'Error: Precheck failed, VmConfig is unhealthy, stop running\nCaused by: Failed to open kernel file.\n',
    'Precheck failed, VmConfig is unhealthy, stop running: Failed to open kernel file',
  ],
  ['Error: old\nsomething\nError: new\n', 'new'],
  ['Bad system call', undefined],
  ['', undefined],
])('of %j it complains %j', (output, complaint) => {
  expect(complaintOf(output)).toBe(complaint);
});

test('of any output it is one line', () => {
  fc.assert(fc.property(fc.string(), text => !complaintOf(`Error: ${text}`)?.includes('\n')));
});
