import type { Ipv4 } from '../base/ipv4.ts';
import type { Clock, Log } from '../base/ports.ts';
import { tokenRefusal } from '../domain/boot/access.ts';
import {
  entryScript,
  machineScript,
  refusalScript,
  type ScriptPolicy,
  waitScript,
} from '../domain/boot/script.ts';
import type { ScriptRequest } from '../domain/boot/scriptrequest.ts';
import type { Lease } from '../domain/lease/lease.ts';
import { type MachineId, machineId, type Sha256 } from '../domain/machine/genid.ts';
import type { BootEvent, Fault, Timeline } from '../domain/node/timeline.ts';

export interface BootScriptsOptions {
  readonly policy: ScriptPolicy;
  /** What a machine without a folder of its own gets. */
  readonly unknown: 'default' | 'wait';
  /** Is there an overlay made for this very machine? */
  readonly isKnown: (id: MachineId) => Promise<boolean>;
  /** Why this id is in dispute between two machines, if it is. */
  readonly conflict: (id: MachineId) => string | undefined;
  /** The lease on an address, if there is one; undefined as a whole where a foreign DHCP server gives the addresses. */
  readonly leaseOf: ((address: Ipv4) => Lease | undefined) | undefined;
  /** A new one-time boot token for the machine at this address. */
  readonly issueToken: (id: MachineId, address: Ipv4) => Promise<string>;
  readonly timeline: Timeline;
  readonly clock: Clock;
  readonly log: Log;
  readonly sha256: Sha256;
}

/** Answers every iPXE with its script, over whichever protocol it asked. */
export class BootScripts {
  readonly #d: BootScriptsOptions;

  constructor(options: BootScriptsOptions) {
    this.#d = options;
  }

  /** `request` is undefined for the first question of an iPXE; `from` where the protocol tells it. */
  async answer(request: ScriptRequest | undefined, from: Ipv4 | undefined): Promise<string> {
    if (!request) return entryScript(this.#d.policy);
    const id = machineId(request, this.#d.sha256);
    const { script, text, fault, stranger } = await this.#decide(id, request, from);
    const at = this.#d.clock.now();
    this.#d.timeline.record(
      stranger
        ? { at, stage: 'problem', text, machineId: id, step: 'script', fault }
        : scriptEvent(request, { at, text, machineId: id, address: from, bytes: script.length, fault }),
    );
    this.#d.log[stranger ? 'warn' : 'info']('boot', text, { node: id, mac: request.mac, stage: 'script' });
    return script;
  }

  async #decide(id: MachineId, request: ScriptRequest, from: Ipv4 | undefined): Promise<Answer> {
    const { unknown } = this.#d;
    const machine = { id, mac: request.mac };
    const conflict = this.#d.conflict(id);
    if (conflict)
      return {
        script: refusalScript(machine, conflict),
        text: `boot refused: ${conflict}`,
        fault: 'conflict',
      };
    const known = await this.#d.isKnown(id);
    if (!known && unknown === 'wait')
      return {
        script: waitScript(machine, this.#again(request)),
        text: 'unknown, has to wait',
        fault: 'waits',
      };
    return this.#boots(id, request, from, known);
  }

  /**
   * A machine without a folder gets a token too: it may be given its folder while its kernel loads. Whoever asks from an
   * address that is not the machine's gets a script without one, and must not leave more than a complaint on the timeline
   * of the machine that he names; but the same card under another id is that machine, and shows that two places disagree.
   */
  async #boots(
    id: MachineId,
    request: ScriptRequest,
    from: Ipv4 | undefined,
    known: boolean,
  ): Promise<Answer> {
    const { policy, leaseOf } = this.#d;
    const lease = from && leaseOf?.(from);
    const refusal = tokenRefusal({ id, from, leases: leaseOf !== undefined, lease });
    if (refusal === undefined && from !== undefined) {
      const token = await this.#d.issueToken(id, from);
      const text = known ? 'boots its own overlay' : 'boots the default overlay';
      return { script: machineScript({ id, mac: request.mac, token }, policy), text };
    }
    const script = machineScript({ id, mac: request.mac }, policy);
    const stranger = leaseOf !== undefined && lease?.mac !== request.mac;
    if (!known && !stranger) return { script, text: 'boots the default overlay' };
    const text = `its boot script went out without a token, so its own overlay is refused: ${refusal}`;
    return { script, text, fault: 'forbidden', stranger };
  }

  #again(request: ScriptRequest): string {
    const { policy } = this.#d;
    if (policy.transport === 'tftp')
      return `${policy.tftpBase}/boot.ipxe/${request.uuid}/${request.mac.replaceAll(':', '-')}`;
    return `${policy.httpBase}/boot.ipxe?uuid=${request.uuid}&mac=${request.mac.replaceAll(':', '-')}`;
  }
}

/** A script, and what the timeline says of it. */
interface Answer {
  readonly script: string;
  readonly text: string;
  readonly fault?: Fault;
  /** Somebody else than the machine whose script it is asked for it. */
  readonly stranger?: boolean;
}

function scriptEvent(
  { mac, uuid, platform, serial }: ScriptRequest,
  event: Omit<BootEvent, 'stage'>,
): BootEvent {
  return {
    ...event,
    stage: 'script',
    text: [event.text, platform, serial && `serial ${serial}`].filter(Boolean).join(', '),
    mac,
    uuid: uuid === '' ? undefined : uuid,
    idFrom: 'script',
  };
}
