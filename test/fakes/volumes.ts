import type { Volume, Workload } from '../../src/domain/workload/workload.ts';

/** A workload that is nothing but its volumes; their ids count from 0. */
export function workloadWith(name: string, ...volumes: (Partial<Volume> & { path: string })[]): Workload {
  return {
    name,
    uuid: `uuid-${name}`,
    engine: 'qemu',
    memory: { bytes: 2 ** 30 },
    cpu: { threads: 1, mode: 'host' },
    volumes: volumes.map((volume, id) => ({ id, type: 'iso', writable: false, ephemeral: true, ...volume })),
    nics: [],
    console: { type: 'serial-socket' },
    autostart: true,
    placement: {},
  };
}

/** The header of a qcow2 image of version 3 and 1 MiB, as much of it as is looked at. */
export function qcow2Header(change: (view: DataView) => void = () => {}): Uint8Array {
  const head = new Uint8Array(1024);
  const view = new DataView(head.buffer);
  view.setUint32(0, 0x51_46_49_fb);
  view.setUint32(4, 3);
  view.setUint32(20, 16);
  view.setBigUint64(24, 2n ** 20n);
  view.setUint32(96, 4);
  view.setUint32(100, 104);
  change(view);
  return head;
}
