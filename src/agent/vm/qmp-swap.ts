import * as z from 'zod';
import { messageOf, PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import type { DiskSwap, MediumSwap, Plug, Swap } from '../../domain/vm/swap.ts';
import { delay } from '../workload/waiting.ts';
import { LeftEmpty, type SwapLimits } from './driver.ts';

/** Sends a command of QMP. Rejects with WORKLOAD_FAILED and what the engine said. */
export type Ask = (command: string, args?: object) => Promise<unknown>;

export interface SwapParts extends SwapLimits {
  readonly ask: Ask;
  readonly clock: Clock;
}

/** Milliseconds. */
const LOOK_EVERY = 100;
/** The name of a device is free again a moment after its drive is gone. */
const PLUG_PATIENCE = 2000;

/** A guest that has a disc mounted locks its tray. */
const LOCKED = /is locked and force was not specified|^.*Tray of device/;
const UNPLUGGING = /in the process of unplug/i;

const blocksSchema = z.array(z.object({ device: z.string(), qdev: z.string().optional() }));

/** Rejects with WORKLOAD_FAILED or TIMEOUT, and then the machine has what it had, or the message says what it has left. */
export async function swapVolume(swap: Swap, parts: SwapParts): Promise<void> {
  return swap.kind === 'medium' ? swapMedium(swap, parts) : swapDisk(swap, parts);
}

async function swapMedium(swap: MediumSwap, { ask, clock, patience, signal }: SwapParts): Promise<void> {
  const began = clock.elapsed();
  for (;;) {
    try {
      return await changeMedium(ask, swap, false);
    } catch (thrown) {
      if (!LOCKED.test(messageOf(thrown)))
        return await orBack(thrown, () => changeMedium(ask, { drive: swap.drive, to: swap.from }, true));
      if (clock.elapsed() - began >= patience) throw locked(patience, thrown);
      await delay(clock, LOOK_EVERY);
      signal?.throwIfAborted();
    }
  }
}

async function changeMedium(
  ask: Ask,
  { drive, to }: Pick<MediumSwap, 'drive' | 'to'>,
  force: boolean,
): Promise<void> {
  const medium = { filename: to, format: 'raw', 'read-only-mode': 'read-only' };
  await ask('blockdev-change-medium', { device: drive, ...medium, force });
}

function locked(patience: number, cause: unknown): PxenError {
  return new PxenError(
    'TIMEOUT',
    `its guest did not give the disc up within ${patience / 1000} s; it keeps it`,
    {
      cause,
      details: ['a disc that is mounted is locked: unmount it in the guest, then try again'],
    },
  );
}

async function swapDisk(swap: DiskSwap, parts: SwapParts): Promise<void> {
  const { ask, clock } = parts;
  await unplug(swap.drive, parts);
  try {
    await plug(ask, clock, swap.drive, swap.to);
  } catch (thrown) {
    await orBack(thrown, () => plug(ask, clock, swap.drive, swap.from));
  }
}

/** Only the guest can let go of a disk: a machine whose guest does not hear of it keeps it. */
async function unplug(drive: string, { ask, clock, patience, signal }: SwapParts): Promise<void> {
  const device = await deviceOf(ask, drive);
  // A guest that gave it up too late for an earlier try.
  if (device === undefined) return;
  await ask('device_del', { id: device }).catch((thrown: unknown) => {
    // An earlier try asked for it already.
    if (!UNPLUGGING.test(messageOf(thrown))) throw thrown;
  });
  const began = clock.elapsed();
  while ((await deviceOf(ask, drive)) !== undefined) {
    if (clock.elapsed() - began >= patience) throw unwilling(patience);
    await delay(clock, LOOK_EVERY);
    signal?.throwIfAborted();
  }
}

function unwilling(patience: number): PxenError {
  return new PxenError(
    'TIMEOUT',
    `its guest did not give the disk up within ${patience / 1000} s; it still has it`,
    {
      details: [
        'the guest has been asked, and loses the disk at its next reset at the latest: try again, or restart the workload',
      ],
    },
  );
}

/** Where the device of a drive is among QEMU's objects, whether it has a name or not; undefined when it is gone. */
async function deviceOf(ask: Ask, drive: string): Promise<string | undefined> {
  const blocks = blocksSchema.parse(await ask('query-block'));
  const block = blocks.find(({ device }) => device === drive);
  // Of virtio QEMU tells the part that is behind the PCI device.
  return block && (block.qdev ?? drive).replace(/\/virtio-backend$/, '');
}

/** With commands of the monitor for people: they take the words of the command line, where QMP has others. */
async function plug(ask: Ask, clock: Clock, drive: string, { device, drive: words }: Plug): Promise<void> {
  const began = clock.elapsed();
  await say(ask, `drive_add 0 ${quoted(words)}`);
  try {
    for (;;) {
      const refusal = await said(ask, `device_add ${quoted(device)}`);
      if (refusal === '') return;
      if (!/duplicate/i.test(refusal) || clock.elapsed() - began >= PLUG_PATIENCE) throw failed(refusal);
      await delay(clock, LOOK_EVERY);
    }
  } catch (thrown) {
    await said(ask, `drive_del ${drive}`);
    throw thrown;
  }
}

async function say(ask: Ask, line: string): Promise<void> {
  const answer = await said(ask, line);
  if (!/^(OK)?$/.test(answer)) throw failed(answer);
}

async function said(ask: Ask, line: string): Promise<string> {
  return `${await ask('human-monitor-command', { 'command-line': line })}`.trim();
}

function failed(answer: string): PxenError {
  return new PxenError(
    'WORKLOAD_FAILED',
    `the engine refused it: ${answer.replace(/^Error: /, '').slice(0, 400)}`,
  );
}

/** One word for get_str of QEMU's monitor/hmp.c. */
function quoted(word: string): string {
  return `"${word.replace(/["\\]/g, mark => `\\${mark}`)}"`;
}

/** What had to make way comes back; the first failure is what is told. */
async function orBack(thrown: unknown, back: () => Promise<void>): Promise<never> {
  const trouble = await back().then(
    () => undefined,
    (second: unknown) => messageOf(second),
  );
  if (trouble === undefined) throw thrown;
  throw new LeftEmpty('WORKLOAD_FAILED', messageOf(thrown), {
    cause: thrown,
    details: [
      `and what it had cannot be put back: ${trouble}; it has nothing there now, a restart brings it back`,
    ],
  });
}
