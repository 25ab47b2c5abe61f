import { formatBytes } from '../../base/bytes.ts';
import { PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import { balloonFault } from '../../domain/workload/balloon.ts';
import { tellStep } from '../../domain/workload/steps.ts';
import { wrongState } from './machines.ts';
import type { Tell } from './tell.ts';
import type { VirtualMachine } from './virtual-machine.ts';
import { delay } from './waiting.ts';

/** Milliseconds. A Linux guest gives back some GiB a second. */
const PATIENCE = 5000;
const LOOK_EVERY = 100;

export interface BalloonParts {
  readonly clock: Clock;
  readonly tell: Tell;
}

/** Asks how much memory the guest has now; with `wanted` (bytes) has it get there first, as far as it does at once. SV-27. */
export async function balloon(
  machine: VirtualMachine,
  wanted: number | undefined,
  { clock, tell }: BalloonParts,
): Promise<void> {
  refuse(machine, wanted);
  const began = clock.elapsed();
  if (wanted !== undefined) await machine.control().setGuestMemory(wanted);
  let bytes = await machine.measureGuest();
  while (wanted !== undefined && bytes !== wanted && clock.elapsed() - began < PATIENCE) {
    await delay(clock, LOOK_EVERY);
    bytes = await machine.measureGuest();
  }
  tellStep(tell, 'balloon', `the guest has ${formatBytes(bytes)}`, clock.elapsed() - began);
}

function refuse(machine: VirtualMachine, wanted: number | undefined): void {
  const { workload } = machine.saved.machine;
  if (workload.balloon === undefined)
    throw new PxenError(
      'WORKLOAD_STATE',
      `${machine.name}: has no balloon: it was started without platform.balloon`,
      {
        details: [
          'platform.balloon=deflate-on-oom in its file gives it one when it is started the next time',
        ],
      },
    );
  if (wanted === undefined) return;
  const fault = balloonFault(wanted, workload);
  if (fault !== undefined)
    throw new PxenError('BAD_REQUEST', `${machine.name}: balloon: got ${wanted} bytes, ${fault}`);
  if (machine.state === 'paused')
    throw wrongState(machine, 'is paused, and so cannot give memory back or take it; resume it first');
}
