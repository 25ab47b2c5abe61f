import { PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import { DOMAIN, STORAGE } from '../../domain/vm/libvirt/virsh.ts';
import { WORKLOADS_FOLDER } from '../../domain/vm/statefiles.ts';
import { type TellStep, tellStep } from '../../domain/workload/steps.ts';
import type { HostCommands } from './commands.ts';
import type { MadeDisk } from './note.ts';
import type { OwnDomain } from './watched.ts';

export interface EndParts {
  readonly host: HostCommands;
  readonly clock: Clock;
  readonly tell: TellStep;
}

/** A guest that is not up yet does not hear the power button. Milliseconds. */
const PRESS_EVERY = 5000;
const LOOK_EVERY = 500;

/** Ends a domain of ours, gently at first: the guest shuts down within `patience` milliseconds, or libvirt destroys it. */
export async function endDomain(own: OwnDomain, patience: number, parts: EndParts): Promise<void> {
  const { sight } = own;
  if (sight.life.state === 'ended') return;
  const { name } = own.note.status;
  if (patience > 0) {
    // One that is paused cannot shut down.
    if (sight.life.state === 'paused') await parts.host.run(DOMAIN.resume(sight.uuid));
    if (await shutsDown(own, patience, parts)) return;
  }
  const began = parts.clock.elapsed();
  // What QEMU has not written yet it writes; one that hangs is killed.
  const gentle = await parts.host.run(DOMAIN.destroy(sight.uuid, true));
  if (gentle.exitCode !== 0 && !(await isGone(own, parts)))
    await parts.host.must(DOMAIN.destroy(sight.uuid, false), `${name}: does not end`);
  tellStep(parts.tell, 'destroy', 'libvirt ended it', parts.clock.elapsed() - began);
}

/** Asks the guest to shut down, and leaves it alone when it does not. */
export async function endSoftly(own: OwnDomain, patience: number, parts: EndParts): Promise<void> {
  const { name } = own.note.status;
  if (own.sight.life.state === 'paused')
    throw new PxenError('WORKLOAD_STATE', `${name}: is paused, and so cannot shut down; resume it first`);
  if (await shutsDown(own, patience, parts)) return;
  throw new PxenError(
    'TIMEOUT',
    `${name}: its guest did not shut down within ${patience / 1000} s; it goes on running`,
    {
      details: [
        'a guest that is still booting, or has no ACPI, does not hear the request; stop ends it by force',
      ],
    },
  );
}

/** Nothing of it is left but the files that were there before. Those that were made for it go, if they are ephemeral. */
export async function clearAway(
  { note, sight }: OwnDomain,
  { host, tell, clock }: EndParts,
): Promise<string[]> {
  const began = clock.elapsed();
  const { name, uuid, volumes } = note.status;
  await host.must(DOMAIN.undefine(sight.uuid), `${name}: cannot be undefined`);
  await host.run(['rm', '-rf', '--', `${WORKLOADS_FOLDER}/${uuid}`]);
  const gone = note.made.filter(({ path }) => volumes.find(volume => volume.path === path)?.ephemeral);
  for (const disk of gone) await host.must(deleteCommand(disk), `${name}: ${disk.path} cannot be deleted`);
  const text =
    gone.length === 0 ? 'no volume was deleted' : `deleted ${gone.map(({ path }) => path).join(', ')}`;
  tellStep(tell, 'clear', text, clock.elapsed() - began);
  return gone.map(({ path }) => path);
}

export function deleteCommand({ path, pool }: MadeDisk): string[] {
  if (pool === undefined) return ['rm', '-f', '--', path];
  return STORAGE.deleteVolume(pool, path.slice(path.lastIndexOf('/') + 1));
}

/** Whether it is off within so many milliseconds. */
async function shutsDown(own: OwnDomain, patience: number, parts: EndParts): Promise<boolean> {
  const { clock, host, tell } = parts;
  const began = clock.elapsed();
  const press = (): unknown => host.run(DOMAIN.shutdown(own.sight.uuid, true));
  await press();
  let pressedAt = began;
  let isOff = await isGone(own, parts);
  while (!isOff && clock.elapsed() - began < patience) {
    await new Promise<void>(resolve => void clock.after(LOOK_EVERY, resolve));
    isOff = await isGone(own, parts);
    if (isOff || clock.elapsed() - pressedAt < PRESS_EVERY) continue;
    pressedAt = clock.elapsed();
    await press();
  }
  const text = isOff ? 'the guest shut down' : `the guest did not shut down within ${patience / 1000} s`;
  tellStep(tell, 'shutdown', text, clock.elapsed() - began);
  return isOff;
}

async function isGone({ sight }: OwnDomain, { host }: EndParts): Promise<boolean> {
  const now = await host.domain(sight.uuid);
  return now === undefined || now.life.state === 'ended';
}
