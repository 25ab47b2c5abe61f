import { describe, expect, test } from 'vitest';
import { type Ask, swapVolume } from '../../../../src/agent/vm/qmp-swap.ts';
import { PxenError } from '../../../../src/base/error.ts';
import type { Swap } from '../../../../src/domain/vm/swap.ts';
import { fastClock } from '../../../fakes/fast-clock.ts';

const DISK: Swap = {
  kind: 'disk',
  drive: 'vol1',
  from: { drive: 'if=none,id=vol1,file=/a', device: 'virtio-blk-pci,drive=vol1' },
  to: { drive: 'if=none,id=vol1,file=/b "c"\\', device: 'virtio-blk-pci,drive=vol1' },
};
const DISC: Swap = { kind: 'medium', drive: 'vol0', from: '/one.iso', to: '/two.iso' };

/** What QEMU does with one command, after `query-block` has told its drives. */
type Answer = (line: string, heard: readonly string[]) => string | undefined;

interface Ended {
  readonly heard: readonly string[];
  readonly error?: string;
  readonly details?: readonly string[];
}

/** `refuse` says why it refuses a command; `gone` is the look at which the disk has gone. */
async function swapped(
  swap: Swap,
  refuse: Answer = () => undefined,
  gone = 1,
  signal?: AbortSignal,
): Promise<Ended> {
  const heard: string[] = [];
  let looks = 0;
  const ask: Ask = async (command, args = {}) => {
    if (command === 'query-block') {
      const isThere = looks++ < gone;
      return isThere
        ? [{ device: 'vol1', qdev: '/machine/peripheral-anon/device[3]/virtio-backend' }]
        : [{ device: 'vol0' }];
    }
    const line = 'command-line' in args ? `${args['command-line']}` : `${command} ${JSON.stringify(args)}`;
    heard.push(line);
    const why = refuse(line, heard);
    if (command === 'human-monitor-command')
      return why === undefined ? (line.startsWith('drive_add') ? 'OK\r\n' : '') : `Error: ${why}\r\n`;
    if (why !== undefined) throw new PxenError('WORKLOAD_FAILED', `QEMU refused ${command}: ${why}`);
    return {};
  };
  try {
    await swapVolume(swap, { ask, clock: fastClock(100), patience: 1000, signal });
    return { heard };
  } catch (thrown) {
    if (!(thrown instanceof PxenError)) throw thrown;
    return { heard, error: `${thrown.code}: ${thrown.message}`, details: thrown.details };
  }
}

const OUT = 'device_del {"id":"/machine/peripheral-anon/device[3]"}';
const NEW = ['drive_add 0 "if=none,id=vol1,file=/b \\"c\\"\\\\"', 'device_add "virtio-blk-pci,drive=vol1"'];
const OLD = ['drive_add 0 "if=none,id=vol1,file=/a"', 'device_add "virtio-blk-pci,drive=vol1"'];
const medium = (filename: string, force = false): string =>
  `blockdev-change-medium ${JSON.stringify({ device: 'vol0', filename, format: 'raw', 'read-only-mode': 'read-only', force })}`;

describe('a disk', () => {
  test('goes when the guest has let go of it, and the other one comes', async () => {
    expect(await swapped(DISK, undefined, 4)).toEqual({ heard: [OUT, ...NEW] });
  });

  test('that is already asked for is waited for, and one that has gone by itself is not', async () => {
    const asked = (line: string): string | undefined =>
      line === OUT ? 'Device is already in the process of unplug' : undefined;
    expect(await swapped(DISK, asked, 3)).toEqual({ heard: [OUT, ...NEW] });
    expect(await swapped(DISK, undefined, 0)).toEqual({ heard: NEW });
  });

  test('that cannot be unplugged stays', async () => {
    expect(await swapped(DISK, () => 'no hotplug')).toEqual({
      heard: [OUT],
      error: 'WORKLOAD_FAILED: QEMU refused device_del: no hotplug',
      details: [],
    });
  });

  test('that the guest keeps stays', async () => {
    expect(await swapped(DISK, undefined, 1000)).toEqual({
      heard: [OUT],
      error: 'TIMEOUT: its guest did not give the disk up within 1 s; it still has it',
      details: [
        'the guest has been asked, and loses the disk at its next reset at the latest: try again, or restart the workload',
      ],
    });
  });

  test('is waited for no longer when that is called off', async () => {
    const calledOff = new AbortController();
    const waiting = swapped(DISK, undefined, 1000, calledOff.signal);
    calledOff.abort(new PxenError('WORKLOAD_STATE', 'called off'));
    expect(await waiting).toEqual({ heard: [OUT], error: 'WORKLOAD_STATE: called off', details: [] });
  });

  test('comes back when the other one cannot be opened', async () => {
    expect(await swapped(DISK, line => (line === NEW[0] ? 'no image' : undefined))).toEqual({
      heard: [OUT, NEW[0], ...OLD],
      error: 'WORKLOAD_FAILED: the engine refused it: no image',
      details: [],
    });
  });

  test('comes back when the other one finds no place, and nothing is left of that', async () => {
    const first = (line: string, heard: readonly string[]): string | undefined =>
      line === NEW[1] && heard.length < 4 ? 'no slot' : undefined;
    expect(await swapped(DISK, first)).toEqual({
      heard: [OUT, ...NEW, 'drive_del vol1', ...OLD],
      error: 'WORKLOAD_FAILED: the engine refused it: no slot',
      details: [],
    });
  });

  test('waits until its name is free', async () => {
    const taken = (line: string, heard: readonly string[]): string | undefined =>
      line === NEW[1] && heard.length < 5 ? "Duplicate device ID 'data'" : undefined;
    expect(await swapped(DISK, taken)).toEqual({ heard: [OUT, ...NEW, NEW[1], NEW[1]] });
  });

  test('that cannot even come back is told of', async () => {
    const { details, error } = await swapped(DISK, line => (line.startsWith('drive_add') ? 'no' : undefined));
    expect([error, details]).toEqual([
      'WORKLOAD_FAILED: the engine refused it: no',
      [
        'and what it had cannot be put back: the engine refused it: no; it has nothing there now, a restart brings it back',
      ],
    ]);
  });
});

describe('a disc', () => {
  test('is changed', async () => expect(await swapped(DISC)).toEqual({ heard: [medium('/two.iso')] }));

  test('is changed as soon as the guest unlocks its tray', async () => {
    const locked = (_: string, heard: readonly string[]): string | undefined =>
      heard.length < 3 ? "Device 'vol0' is locked and force was not specified" : undefined;
    expect(await swapped(DISC, locked)).toEqual({ heard: Array(3).fill(medium('/two.iso')) });
  });

  test('that stays locked stays', async () => {
    const { details, error } = await swapped(
      DISC,
      () => "Device 'vol0' is locked and force was not specified",
    );
    expect([error, details]).toEqual([
      'TIMEOUT: its guest did not give the disc up within 1 s; it keeps it',
      ['a disc that is mounted is locked: unmount it in the guest, then try again'],
    ]);
  });

  test('comes back when the other one cannot be opened', async () => {
    expect(await swapped(DISC, line => (line.includes('two') ? 'no such file' : undefined))).toEqual({
      heard: [medium('/two.iso'), medium('/one.iso', true)],
      error: 'WORKLOAD_FAILED: QEMU refused blockdev-change-medium: no such file',
      details: [],
    });
  });
});
