import type { Ipv4 } from '../base/ipv4.ts';
import type { Clock, Log } from '../base/ports.ts';
import {
  entryScript,
  machineScript,
  refusalScript,
  type ScriptPolicy,
  waitScript,
} from '../domain/boot/script.ts';
import type { ScriptRequest } from '../domain/boot/scriptrequest.ts';
import { type MachineId, machineId, type Sha256 } from '../domain/machine/genid.ts';
import type { Timeline } from '../domain/node/timeline.ts';

export interface BootScriptsOptions {
  readonly policy: ScriptPolicy;
  /** What a machine without a folder of its own gets. */
  readonly unknown: 'default' | 'wait';
  /** Is there an overlay made for this very machine? */
  readonly isKnown: (id: MachineId) => Promise<boolean>;
  /** Why this id is in dispute between two machines, if it is. */
  readonly conflict: (id: MachineId) => string | undefined;
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
    const { script, text } = await this.#decide({ id, mac: request.mac }, request);
    this.#d.timeline.record({
      at: this.#d.clock.now(),
      stage: 'script',
      text: [text, request.platform, request.serial && `serial ${request.serial}`].filter(Boolean).join(', '),
      machineId: id,
      mac: request.mac,
      address: from,
      uuid: request.uuid === '' ? undefined : request.uuid,
      idFrom: 'script',
      bytes: script.length,
    });
    this.#d.log.info('boot', text, { node: id, mac: request.mac, stage: 'script' });
    return script;
  }

  async #decide(
    machine: { id: MachineId; mac: ScriptRequest['mac'] },
    request: ScriptRequest,
  ): Promise<{ script: string; text: string }> {
    const { policy, unknown } = this.#d;
    const conflict = this.#d.conflict(machine.id);
    if (conflict) return { script: refusalScript(machine, conflict), text: `boot refused: ${conflict}` };
    const known = await this.#d.isKnown(machine.id);
    if (!known && unknown === 'wait')
      return { script: waitScript(machine, this.#again(request)), text: 'unknown, has to wait' };
    return {
      script: machineScript(machine, policy),
      text: known ? 'boots its own overlay' : 'boots the default overlay',
    };
  }

  #again(request: ScriptRequest): string {
    const { policy } = this.#d;
    if (policy.transport === 'tftp')
      return `${policy.tftpBase}/boot.ipxe/${request.uuid}/${request.mac.replaceAll(':', '-')}`;
    return `${policy.httpBase}/boot.ipxe?uuid=${request.uuid}&mac=${request.mac.replaceAll(':', '-')}`;
  }
}
