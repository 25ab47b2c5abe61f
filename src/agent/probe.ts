import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../base/error.ts';
import type { Kvm } from '../domain/node/facts.ts';
import type { Exec } from '../io/exec.ts';
import { judgeProbe, PROBE_TIMEOUT, parseQemuVersion, probeArguments, probeSector } from './kvm.ts';
import type { Tree } from './tree.ts';

/** Milliseconds. A node without the service that loads modules is judged after this time. */
const MODULES_PATIENCE = 60_000;
const MODULES_LOOK_EVERY = 500;
const QEMU = 'qemu-system-x86_64';

/** QEMU's version, and whether a guest really runs with KVM. */
export interface Found {
  readonly qemu: string | undefined;
  readonly kvm: Kvm;
}

/** Looks once, whoever asks first: the agent after its first report, or a workload that cannot wait for that. */
export class Probe {
  readonly #look: () => Promise<Found>;
  #result: Promise<Found> | undefined;
  /** As far as it is known. */
  found: Found = { qemu: undefined, kvm: { state: 'unknown' } };

  constructor(look: () => Promise<Found>) {
    this.#look = look;
  }

  /** Rejects when the node has no room for a guest of half a KiB; the next one who asks tries again. */
  result(): Promise<Found> {
    this.#result ??= this.#look().then(
      found => {
        this.found = found;
        return found;
      },
      thrown => {
        this.#result = undefined;
        throw thrown;
      },
    );
    return this.#result;
  }

  async kvm(): Promise<Kvm> {
    try {
      return (await this.result()).kvm;
    } catch (thrown) {
      return { state: 'unusable', reason: `it could not be tried out: ${messageOf(thrown)}` };
    }
  }
}

/** What takes too long for the first report. */
export async function probeQemu(tree: Tree, exec: Exec, signal: AbortSignal): Promise<Found> {
  const version = await exec(QEMU, ['--version'], { timeout: PROBE_TIMEOUT, signal });
  const qemu = version.exitCode === 0 ? parseQemuVersion(version.stdout) : undefined;
  await modulesLoaded(tree, signal);
  if (!tree.exists('/dev/kvm')) {
    const reason = 'there is no /dev/kvm: no hardware virtualisation, or it is off in the firmware';
    return { qemu, kvm: { state: 'unusable', reason } };
  }
  if (qemu === undefined) return { qemu, kvm: { state: 'unusable', reason: `${QEMU} is not installed` } };
  return { qemu, kvm: await runGuest(exec, signal) };
}

/** /dev/kvm comes with a kernel module, and the modules load in the background while the agent already reports. */
async function modulesLoaded(tree: Tree, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + MODULES_PATIENCE;
  while (!signal.aborted && performance.now() < deadline) {
    if (tree.exists('/dev/kvm') || tree.exists('/run/pxen/modules-loaded')) return;
    await setTimeout(MODULES_LOOK_EVERY, undefined, { signal }).catch(() => {});
  }
}

async function runGuest(exec: Exec, signal: AbortSignal): Promise<Kvm> {
  const folder = await mkdtemp(join(tmpdir(), 'pxen-kvm-'));
  try {
    const image = join(folder, 'sector.img');
    await writeFile(image, probeSector());
    return judgeProbe(await exec(QEMU, probeArguments(image), { timeout: PROBE_TIMEOUT, signal }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
