import { expect, test } from 'vitest';
import { withFormats } from '../../../../src/domain/volume/format.ts';
import type { Engine, VolumeFormat } from '../../../../src/domain/workload/workload.ts';
import { workloadWith } from '../../../fakes/volumes.ts';

test.each<[Engine, VolumeFormat | undefined, VolumeFormat]>([
  ['qemu', undefined, 'qcow2'],
  ['microvm', undefined, 'qcow2'],
  ['libvirt', undefined, 'qcow2'],
  ['stratovirt', undefined, 'raw'],
  ['qemu', 'raw', 'raw'],
  ['stratovirt', 'raw', 'raw'],
])('a disk of %s with the format %s is %s', (engine, format, expected) => {
  const disk = { path: '/v/x', type: 'qcow2', format } as const;
  const { volumes } = withFormats({ ...workloadWith('a', disk, { path: '/v/y' }), engine });
  expect(volumes.map(volume => volume.format)).toEqual([expected, undefined]);
});
