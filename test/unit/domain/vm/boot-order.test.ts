import { expect, test } from 'vitest';
import { bootOrder } from '../../../../src/domain/vm/boot-order.ts';
import type { Volume, Workload } from '../../../../src/domain/workload/workload.ts';
import { workloadWith } from '../../../fakes/volumes.ts';

const nics = [{ id: 4, type: 'nat' }] as const;
const flash = { path: '/v/code', interface: 'pflash' } as const;
const disk = { path: '/v/disk' };

test.each<[string, (Partial<Volume> & { path: string })[], Partial<Workload>, ReturnType<typeof bootOrder>]>([
  ['the first volume', [disk, { path: '/v/other' }], { nics }, [{ volume: 0 }]],
  ['the first NIC without one', [], { nics }, [{ nic: 4 }]],
  ['not flash memory, which is the firmware', [flash, disk], { nics }, [{ volume: 1 }]],
  ['but a NIC beside it', [flash], { nics }, [{ nic: 4 }]],
  ['nothing beside a kernel', [disk], { kernel: { image: '/v/vmlinuz' } }, []],
  ['what the file says', [disk], { boot: [{ nic: 4 }, { volume: 0 }], nics }, [{ nic: 4 }, { volume: 0 }]],
])('the firmware tries %s', (_what, volumes, more, order) =>
  expect(bootOrder({ ...workloadWith('a', ...volumes), ...more })).toEqual(order),
);
