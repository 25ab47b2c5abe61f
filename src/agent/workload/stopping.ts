import { messageOf, PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import { tellStep } from '../../domain/workload/steps.ts';
import type { Tell } from './tell.ts';
import type { VirtualMachine } from './virtual-machine.ts';
import { within } from './waiting.ts';

export interface StopPorts {
  readonly clock: Clock;
  readonly tell: Tell;
}

/** A way to end a virtual machine, and how long that may take. Milliseconds. */
interface Way {
  readonly step: string;
  readonly limit: number;
  readonly ask: () => Promise<unknown>;
  readonly askAgain?: { readonly every: number; readonly ask: () => Promise<unknown> };
  readonly worked: string;
  readonly failed: string;
}

/** A guest that is not up yet does not hear the power button; one that shuts down already does not mind it. */
const PRESS_EVERY = 5000;
/** An engine writes what is not yet in its volumes, and ends. */
const QUIT_LIMIT = 5000;
/** A guest that shuts down at once may be gone before the answer to the request. */
const JUST_ENDING = 1000;
/** After SIGKILL the kernel has only to free the memory. */
const KILL_LIMIT = 5000;

/**
 * Ends it, gently at first: the guest shuts down, or its engine quits, or it is killed. A paused guest cannot shut down, so it
 * is resumed for that; `patience` 0 goes straight to the engine, and nothing of the guest runs again.
 */
export async function endMachine(machine: VirtualMachine, patience: number, ports: StopPorts): Promise<void> {
  const isPaused = machine.state === 'paused';
  machine.stops();
  // Without a connection there would be nothing but the kernel's way, which loses what is not written yet.
  await machine.reconnect();
  const ways = [
    ...(patience > 0 && canBeAsked(machine) ? [byGuest(machine, patience, isPaused)] : []),
    byEngine(machine),
    byKernel(machine),
  ];
  for (const way of ways) if (await tryWay(machine, way, ports)) return;
  machine.runs();
  throw new PxenError(
    'WORKLOAD_FAILED',
    `${machine.name}: ${machine.called} (pid ${machine.pid}) does not end, not even by SIGKILL`,
    {
      details: [
        'a process that the kernel cannot end usually waits for a disk or a file server; look at dmesg on the node',
      ],
    },
  );
}

/** Asks the guest to shut down, and leaves it alone when it does not. */
export async function endSoftly(machine: VirtualMachine, patience: number, ports: StopPorts): Promise<void> {
  refuseDeaf(machine);
  machine.stops();
  await machine.reconnect();
  if (await tryWay(machine, byGuest(machine, patience, false), ports)) return;
  machine.runs();
  throw new PxenError(
    'TIMEOUT',
    `${machine.name}: its guest did not shut down within ${patience / 1000} s; it goes on running`,
    {
      details: [
        'a guest that is still booting, or has no ACPI, does not hear the request; stop ends it by force',
      ],
    },
  );
}

function canBeAsked({ guest, launch }: VirtualMachine): boolean {
  return guest !== undefined || launch.powerButton === true;
}

function refuseDeaf(machine: VirtualMachine): void {
  if (canBeAsked(machine)) return;
  const { launch, name } = machine;
  throw new PxenError(
    'WORKLOAD_STATE',
    `${name}: its guest cannot be asked to shut down: ${launch.powerButton}`,
    {
      details: ['shut it down from within, or stop it: stop ends it by force'],
    },
  );
}

function byGuest(machine: VirtualMachine, limit: number, isPaused: boolean): Way {
  return {
    step: 'shutdown',
    limit,
    ask: async () => {
      if (isPaused) await machine.control().resume();
      if (!(await askAgent(machine))) await machine.control().pressPowerButton();
    },
    askAgain: { every: PRESS_EVERY, ask: () => askByAllMeans(machine) },
    worked: isPaused ? 'resumed the guest, and it shut down' : 'the guest shut down',
    failed: `the guest did not shut down within ${limit / 1000} s`,
  };
}

/** Whether its agent has heard it: that is heard by guests that do not listen to a power button. */
async function askAgent({ guest }: VirtualMachine): Promise<boolean> {
  if (!guest) return false;
  return guest.shutDown().then(
    () => true,
    () => false,
  );
}

/** An agent that has heard it may be unable to do it. */
async function askByAllMeans(machine: VirtualMachine): Promise<void> {
  await askAgent(machine);
  await machine.control().pressPowerButton();
}

function byEngine(machine: VirtualMachine): Way {
  return {
    step: 'quit',
    limit: QUIT_LIMIT,
    // A connection that is gone: the engine hangs, or it ends just now and must not be killed while it writes.
    ask: async () =>
      machine
        .control()
        .quit()
        .catch(() => {}),
    worked: `${machine.called} quit`,
    failed: `${machine.called} did not quit within ${QUIT_LIMIT / 1000} s`,
  };
}

function byKernel(machine: VirtualMachine): Way {
  return {
    step: 'kill',
    limit: KILL_LIMIT,
    ask: async () => machine.kill(),
    worked: `killed ${machine.called}`,
    failed: `${machine.called} did not end within ${KILL_LIMIT / 1000} s after SIGKILL`,
  };
}

/** Whether the machine is gone. One that cannot even be asked is not waited for, unless it is ending just then. */
async function tryWay(machine: VirtualMachine, way: Way, { clock, tell }: StopPorts): Promise<boolean> {
  const began = clock.elapsed();
  const refusal = await way.ask().then(
    () => undefined,
    (thrown: unknown) => messageOf(thrown),
  );
  const deadline = refusal === undefined ? began + way.limit : clock.elapsed() + JUST_ENDING;
  const isGone = await waited(machine, way, deadline, clock);
  tellStep(tell, way.step, isGone ? way.worked : (refusal ?? way.failed), clock.elapsed() - began);
  return isGone;
}

/** Whether it is gone before the deadline. */
async function waited(
  machine: VirtualMachine,
  { askAgain }: Way,
  deadline: number,
  clock: Clock,
): Promise<boolean> {
  for (;;) {
    const left = Math.max(0, deadline - clock.elapsed());
    if (await within(clock, Math.min(left, askAgain?.every ?? left), machine.gone)) return true;
    if (clock.elapsed() >= deadline) return false;
    await askAgain?.ask().catch(() => {});
  }
}
