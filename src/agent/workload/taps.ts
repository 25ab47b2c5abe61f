import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PxenError } from '../../base/error.ts';
import type { Sha256 } from '../../domain/machine/genid.ts';
import { type Machine, tapName } from '../../domain/vm/machine.ts';
import { shapeCommand, unshapeCommand } from '../../domain/workload/shaping.ts';
import type { Quality } from '../../domain/workload/workload.ts';
import { type Exec, type Execution, failureOf } from '../../io/exec.ts';
import type { Tree } from '../tree.ts';
import type { StateFolder } from './folder.ts';

/** An interface that joins a guest to a bridge. */
export interface Tap {
  readonly name: string;
  readonly bridge: string;
  readonly qos?: Quality | undefined;
}

export function tapsOf(machine: Machine): Tap[] {
  return machine.nics.flatMap(({ bridge, qos, tap }) =>
    bridge === undefined || tap === undefined ? [] : [{ name: tap, bridge, qos }],
  );
}

/** Milliseconds for one `ip` or `tc`; on a busy node the kernel may take a second for each interface. */
const BATCH_TIMEOUT = 30_000;
const NET = '/sys/class/net';

export interface TapPorts {
  readonly tree: Tree;
  readonly exec: Exec;
  readonly sha256: Sha256;
}

/**
 * Makes, shapes and removes the interfaces of a workload, all of them with one process. Those with a name from its file
 * carry its uuid as their alias in the kernel: so they are known as its own when nobody remembers the start.
 */
export class Taps {
  readonly #ports: TapPorts;

  constructor(ports: TapPorts) {
    this.#ports = ports;
  }

  async make(taps: readonly Tap[], folder: StateFolder): Promise<void> {
    this.#refuseTaken(taps);
    const commands = taps.flatMap(tap => this.#making(tap, folder.uuid));
    const run = await this.#batch('ip', [], folder, commands);
    if (failureOf(run) === undefined) return;
    throw tapTrouble(
      taps.map(tap => tap.name),
      'made',
      run,
    );
  }

  /** FW-16. It is gone when the interface is. The names of those that have a quality of service. */
  async shape(taps: readonly Tap[], folder: StateFolder): Promise<string[]> {
    const shaped = taps.flatMap(({ name, qos }) => (qos ? [{ name, qos }] : []));
    const names = shaped.map(({ name }) => name);
    if (shaped.length === 0) return names;
    const commands = shaped.map(({ name, qos }) => shapeCommand(name, qos).slice(1).join(' '));
    const run = await this.#batch('tc', [], folder, commands);
    if (failureOf(run) !== undefined) throw tapTrouble(names, 'shaped', run);
    return names;
  }

  /** Puts one onto the bridge that it has now, with its quality of service; `wasShaped` is of the one before. */
  async move(tap: Tap, wasShaped: boolean, folder: StateFolder): Promise<void> {
    const { bridge, name, qos } = tap;
    const run = await this.#batch('ip', [], folder, [`link set dev ${name} ${this.#joining(bridge)}`]);
    if (failureOf(run) !== undefined) throw tapTrouble([name], 'moved', run);
    if (qos || !wasShaped) return void (await this.shape([tap], folder));
    const unshaped = await this.#batch('tc', [], folder, [unshapeCommand(name).slice(1).join(' ')]);
    if (failureOf(unshaped) !== undefined) throw tapTrouble([name], 'shaped', unshaped);
  }

  /** All that are there of this workload, whether its last start is known or not. Their names. */
  async remove(folder: StateFolder): Promise<string[]> {
    const names = this.#existing(folder.uuid);
    if (names.length === 0) return [];
    const commands = names.map(name => `link delete dev ${name}`);
    const run = await this.#batch('ip', ['-force'], folder, commands);
    const left = this.#existing(folder.uuid);
    if (left.length === 0) return names;
    throw tapTrouble(left, 'removed', run);
  }

  #existing(uuid: string): string[] {
    const { tree } = this.#ports;
    return tree
      .list(NET)
      .filter(name => this.#isDerived(name, uuid) || tree.text(`${NET}/${name}/ifalias`) === aliasOf(uuid));
  }

  #isDerived(name: string, uuid: string): boolean {
    const nicId = /^px[0-9a-f]+-(\d+)$/.exec(name)?.[1];
    return nicId !== undefined && name === tapName(uuid, Number(nicId), this.#ports.sha256);
  }

  /** `ip tuntap add` would take over an interface that is there already, whoever made it. */
  #refuseTaken(taps: readonly Tap[]): void {
    const taken = taps.find(({ name }) => this.#ports.tree.exists(`${NET}/${name}`));
    if (!taken) return;
    throw new PxenError('WORKLOAD_FAILED', `${taken.name}: the node has an interface of this name already`, {
      details: ['choose another network.<id>.queue-tap, or remove the interface'],
    });
  }

  #making({ name, bridge }: Tap, uuid: string): string[] {
    const alias = this.#isDerived(name, uuid) ? '' : `alias ${aliasOf(uuid)} `;
    return [`tuntap add dev ${name} mode tap`, `link set dev ${name} ${alias}${this.#joining(bridge)} up`];
  }

  /** A bridge takes the smallest MTU of its members: a tap with the usual 1500 would spoil one with jumbo frames. */
  #joining(bridge: string): string {
    const mtu = this.#ports.tree.text(`${NET}/${bridge}/mtu`);
    return `${mtu === undefined ? '' : `mtu ${mtu} `}master ${bridge}`;
  }

  async #batch(
    program: 'ip' | 'tc',
    options: readonly string[],
    folder: StateFolder,
    commands: readonly string[],
  ): Promise<Execution> {
    const batch = join(folder.path, 'taps');
    await writeFile(batch, `${commands.join('\n')}\n`, { mode: 0o600 });
    try {
      return await this.#ports.exec(program, [...options, '-batch', batch], { timeout: BATCH_TIMEOUT });
    } finally {
      await rm(batch, { force: true });
    }
  }
}

function aliasOf(uuid: string): string {
  return `pxen:${uuid}`;
}

/** They also say which line of the batch failed, which helps nobody. */
function tapTrouble(
  names: readonly string[],
  done: 'made' | 'shaped' | 'moved' | 'removed',
  run: Execution,
): PxenError {
  const program = done === 'shaped' ? 'tc' : 'ip';
  const words = run.stderr
    .split('\n')
    .filter(line => line.trim() !== '' && !line.startsWith('Command failed'));
  const reason = words[0] ?? failureOf(run) ?? 'it did not say why';
  return new PxenError('WORKLOAD_FAILED', `${names.join(', ')}: cannot be ${done}: ${program}: ${reason}`, {
    details: words.slice(1),
  });
}
