import type { AgentRun } from '../../api/agent.ts';
import { PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import type { Sha256 } from '../../domain/machine/genid.ts';
import { domainXml } from '../../domain/vm/libvirt/domain.ts';
import type { LibvirtHostFacts } from '../../domain/vm/libvirt/host-look.ts';
import { diskCommand } from '../../domain/vm/libvirt/pools.ts';
import { DOMAIN } from '../../domain/vm/libvirt/virsh.ts';
import { decideMachine, type Machine, type MachineVolume } from '../../domain/vm/machine.ts';
import { WORKLOADS_FOLDER } from '../../domain/vm/statefiles.ts';
import { statusOf } from '../../domain/vm/status.ts';
import type { WorkloadFacts } from '../../domain/workload/facts.ts';
import { judgeOnNode, type WellFormed } from '../../domain/workload/judge.ts';
import { workloadError } from '../../domain/workload/problem.ts';
import { shapeCommand } from '../../domain/workload/shaping.ts';
import { runSteps, type Step, type TellStep } from '../../domain/workload/steps.ts';
import type { Workload } from '../../domain/workload/workload.ts';
import type { HostCommands } from './commands.ts';
import { clearAway, deleteCommand } from './ending.ts';
import { formatNote, type MadeDisk } from './note.ts';
import { ownDomain } from './watched.ts';

export interface StartParts {
  readonly host: HostCommands;
  readonly clock: Clock;
  readonly sha256: Sha256;
  readonly sha1: (bytes: Uint8Array) => Uint8Array;
  readonly rfcUuid: (uuid: string) => string;
  readonly say: (line: string) => void;
}

export interface StartOrder {
  readonly parsed: WellFormed;
  readonly request: Pick<AgentRun, 'accel' | 'otherUuids' | 'devices' | 'lazyAllocation'>;
  readonly tell: TellStep;
  readonly signal: AbortSignal;
}

/** One start of a domain: the steps from a judged file to a running guest. */
export class DomainStart {
  readonly #order: StartOrder;
  readonly #parts: StartParts;
  #machine: Machine | undefined;
  #facts: LibvirtHostFacts | undefined;
  readonly #made: MadeDisk[] = [];

  constructor(order: StartOrder, parts: StartParts) {
    this.#order = order;
    this.#parts = parts;
  }

  /** Rejects with the reason, and then nothing is left on the host. */
  async run(): Promise<void> {
    const { clock, say } = this.#parts;
    const { signal, tell } = this.#order;
    await runSteps(this.#steps(), { clock, say, signal, tell });
  }

  /** What would be defined. Changes nothing. */
  async dry(): Promise<string> {
    await this.#judge();
    return domainXml(this.#sure());
  }

  #steps(): Step[] {
    return [
      { name: 'validate', run: () => this.#judge() },
      { name: 'clear', run: () => this.#clear() },
      { name: 'disks', run: () => this.#makeDisks(), undo: () => this.#deleteDisks() },
      { name: 'folder', run: () => this.#makeFolder(), undo: () => this.#removeFolder() },
      { name: 'define', run: () => this.#define(), undo: () => this.#undefine() },
      // Frozen, so that nothing leaves the guest before its interfaces are shaped.
      { name: 'start', run: () => this.#start(), undo: () => this.#destroy() },
      { name: 'shape', run: () => this.#shape() },
      { name: 'boot', run: () => this.#boot() },
    ];
  }

  get #workload(): Workload {
    return this.#order.parsed.workload;
  }

  async #judge(): Promise<string> {
    const { parsed, request } = this.#order;
    this.#facts = await this.#parts.host.facts(pathsOf(this.#workload));
    const facts = workloadFacts(this.#facts, request);
    const problems = judgeOnNode(parsed, facts, request.accel);
    if (problems.length > 0) throw workloadError(parsed.file, problems);
    const { sha1, sha256 } = this.#parts;
    const folder = `${WORKLOADS_FOLDER}/${this.#workload.uuid}`;
    const around = { accel: request.accel, folder, at: (path: string) => path, sha256, sha1 };
    this.#machine = decideMachine(this.#workload, facts, around);
    return `${this.#workload.name} can run here`;
  }

  /** What is left of a run that ended goes; what is somebody else's is not touched. */
  async #clear(): Promise<string | undefined> {
    const { clock, host, rfcUuid } = this.#parts;
    const { name } = this.#workload;
    const { rfcUuid: uuid } = this.#sure();
    const sight = await host.domain(uuid);
    if (!sight) return undefined;
    const own = ownDomain(sight, rfcUuid);
    if (!own) throw foreign(name, uuid);
    if (sight.life.state !== 'ended')
      throw new PxenError('WORKLOAD_STATE', `${name}: runs already on this host`);
    const deleted = await clearAway(own, { host, clock, tell: () => {} });
    // One of those may be among the files that were there a moment ago.
    this.#facts = await host.facts(pathsOf(this.#workload));
    return ['cleared away what the last run left', ...deleted].join(', ');
  }

  /** Those with a size that are not there yet. */
  async #makeDisks(): Promise<string | undefined> {
    for (const volume of this.#sure().volumes) await this.#makeDisk(volume);
    return this.#made.length === 0 ? undefined : `made ${this.#made.map(({ path }) => path).join(', ')}`;
  }

  async #makeDisk(volume: MachineVolume): Promise<void> {
    const command = diskCommand(volume, this.#order.request.lazyAllocation ?? true);
    if (!command || this.#facts?.existingPaths.includes(volume.path)) return;
    const what = `platform.volume.${volume.id}: ${volume.path} cannot be made`;
    await this.#parts.host.must(command, what);
    this.#made.push({ path: volume.path, pool: volume.pool });
  }

  async #deleteDisks(): Promise<void> {
    for (const disk of this.#made) await this.#parts.host.run(deleteCommand(disk));
  }

  async #makeFolder(): Promise<string> {
    const { folder } = this.#sure();
    await this.#parts.host.must(folderCommand(folder), `${folder}: cannot be made`);
    return folder;
  }

  async #removeFolder(): Promise<void> {
    await this.#parts.host.run(['rm', '-rf', '--', this.#sure().folder]);
  }

  async #define(): Promise<string> {
    const machine = this.#sure();
    const xml = domainXml(machine, { run: this.#note(machine) });
    await this.#parts.host.must(DOMAIN.define(), `${this.#workload.name}: cannot be defined`, { input: xml });
    return `domain ${machine.rfcUuid}`;
  }

  #note(machine: Machine): string {
    const present = { state: 'running', since: this.#parts.clock.now(), sizes: new Map() } as const;
    const unknown = { pid: undefined, usage: undefined, end: undefined, problem: undefined };
    // That there is one to ask is known by it.
    const guest = this.#workload.qga ? ({ agent: 'silent', addresses: [] } as const) : undefined;
    const guestMemory = this.#workload.balloon && this.#workload.memory.bytes;
    const status = statusOf(machine, { ...present, ...unknown, guest, guestMemory });
    return formatNote({ bootId: this.#facts?.bootId ?? '', made: this.#made, status });
  }

  async #undefine(): Promise<void> {
    await this.#parts.host.run(DOMAIN.undefine(this.#sure().rfcUuid));
  }

  async #start(): Promise<string> {
    const { console, rfcUuid } = this.#sure();
    await this.#parts.host.must(DOMAIN.start(rfcUuid, true), `${this.#workload.name}: does not start`);
    return 'port' in console ? `${console.type} on port ${console.port}` : console.type;
  }

  async #destroy(): Promise<void> {
    await this.#parts.host.run(DOMAIN.destroy(this.#sure().rfcUuid, false));
  }

  /** FW-16. It goes with the interface. */
  async #shape(): Promise<string | undefined> {
    const shaped = this.#sure().nics.flatMap(({ qos, tap }) =>
      qos && tap !== undefined ? [{ qos, tap }] : [],
    );
    for (const { qos, tap } of shaped)
      await this.#parts.host.must(shapeCommand(tap, qos), `${tap}: cannot be shaped`);
    return shaped.length === 0 ? undefined : shaped.map(({ tap }) => tap).join(', ');
  }

  async #boot(): Promise<string> {
    const { name, powerState } = this.#workload;
    if (powerState === 'paused') return 'the guest waits for a resume';
    await this.#parts.host.must(DOMAIN.resume(this.#sure().rfcUuid), `${name}: its guest does not run`);
    return 'the guest runs';
  }

  #sure(): Machine {
    if (!this.#machine) throw new PxenError('INTERNAL', 'a step of a start ran before its turn');
    return this.#machine;
  }
}

/** Every file of the host that a workload names. */
export function pathsOf({ bios, kernel, virtioConsoles = [], volumes }: Workload): string[] {
  const others = [kernel?.image, kernel?.initrd, bios, ...virtioConsoles.map(({ path }) => path)];
  return [...volumes.map(({ path }) => path), ...others.filter(path => path?.startsWith('/'))].filter(
    path => path !== undefined,
  );
}

/** Files on a libvirt host are the admin's: none of them is in the way, and none is ever deleted (TC-1). */
function workloadFacts(
  { busyPorts, existingPaths, hasKvm, hasVhostVsock, interfaces, memAvailableKiB, threads }: LibvirtHostFacts,
  { devices, otherUuids }: Pick<AgentRun, 'otherUuids' | 'devices'>,
): WorkloadFacts {
  return {
    memAvailableKiB: memAvailableKiB || undefined,
    nproc: threads || undefined,
    interfaces,
    existingPaths,
    ownedPaths: existingPaths,
    busyPorts,
    otherUuids,
    ...(hasKvm ? {} : { kvm: { usable: false, reason: 'it has no /dev/kvm' } }),
    engines: ['libvirt'],
    vhostVsock: hasVhostVsock,
    devices,
  };
}

/** QEMU runs as a user of its own, and has to get through to its sockets. Sockets of a run that was cut off are in the way. */
function folderCommand(folder: string): string[] {
  const script = 'rm -rf -- "$1" && mkdir -p -m 755 -- "${1%/*}" && mkdir -m 755 -- "$1"';
  return ['sh', '-c', script, 'sh', folder];
}

export function foreign(name: string, uuid: string): PxenError {
  return new PxenError('CONFLICT', `${name}: libvirt has a domain with its uuid that pxen did not start`, {
    details: [`it is left alone; if nobody needs it, on the host: virsh undefine ${uuid}`],
  });
}
