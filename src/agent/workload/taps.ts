import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PxenError } from '../../base/error.ts';
import type { Sha256 } from '../../domain/machine/genid.ts';
import { type Machine, tapName } from '../../domain/vm/machine.ts';
import { type Exec, type Execution, failureOf } from '../../io/exec.ts';
import type { Tree } from '../tree.ts';
import type { StateFolder } from './folder.ts';

/** An interface that joins a guest to a bridge. */
export interface Tap {
  readonly name: string;
  readonly bridge: string;
}

export function tapsOf(machine: Machine): Tap[] {
  return machine.nics.flatMap(({ bridge, tap }) =>
    bridge === undefined || tap === undefined ? [] : [{ name: tap, bridge }],
  );
}

/** Milliseconds for one `ip`; on a busy node the kernel may take a second for each interface. */
const IP_TIMEOUT = 30_000;
const NET = '/sys/class/net';

export interface TapPorts {
  readonly tree: Tree;
  readonly exec: Exec;
  readonly sha256: Sha256;
}

/** Makes and removes the interfaces of a workload, all of them with one `ip` process. */
export class Taps {
  readonly #ports: TapPorts;

  constructor(ports: TapPorts) {
    this.#ports = ports;
  }

  async make(taps: readonly Tap[], folder: StateFolder): Promise<void> {
    const commands = taps.flatMap(tap => this.#making(tap));
    const run = await this.#ip(['-batch'], folder, commands);
    if (failureOf(run) === undefined) return;
    throw tapTrouble(
      taps.map(tap => tap.name),
      'made',
      run,
    );
  }

  /** All that are there of this workload, whether its last start is known or not. Their names. */
  async remove(folder: StateFolder): Promise<string[]> {
    const names = this.#existing(folder.uuid);
    if (names.length === 0) return [];
    const commands = names.map(name => `link delete dev ${name}`);
    const run = await this.#ip(['-force', '-batch'], folder, commands);
    const left = this.#existing(folder.uuid);
    if (left.length === 0) return names;
    throw tapTrouble(left, 'removed', run);
  }

  #existing(uuid: string): string[] {
    const { sha256, tree } = this.#ports;
    return tree.list(NET).filter(name => {
      const nicId = /^px[0-9a-f]+-(\d+)$/.exec(name)?.[1];
      return nicId !== undefined && name === tapName(uuid, Number(nicId), sha256);
    });
  }

  /** A bridge takes the smallest MTU of its members: a tap with the usual 1500 would spoil one with jumbo frames. */
  #making({ name, bridge }: Tap): string[] {
    const mtu = this.#ports.tree.text(`${NET}/${bridge}/mtu`);
    return [
      `tuntap add dev ${name} mode tap`,
      `link set dev ${name} ${mtu === undefined ? '' : `mtu ${mtu} `}master ${bridge} up`,
    ];
  }

  async #ip(
    options: readonly string[],
    folder: StateFolder,
    commands: readonly string[],
  ): Promise<Execution> {
    const batch = join(folder.path, 'taps');
    await writeFile(batch, `${commands.join('\n')}\n`, { mode: 0o600 });
    try {
      return await this.#ports.exec('ip', [...options, batch], { timeout: IP_TIMEOUT });
    } finally {
      await rm(batch, { force: true });
    }
  }
}

/** `ip` also says which line of the batch failed, which helps nobody. */
function tapTrouble(names: readonly string[], done: string, run: Execution): PxenError {
  const words = run.stderr
    .split('\n')
    .filter(line => line.trim() !== '' && !line.startsWith('Command failed'));
  const reason = words[0] ?? failureOf(run) ?? 'it did not say why';
  return new PxenError('WORKLOAD_FAILED', `${names.join(', ')}: cannot be ${done}: ip: ${reason}`, {
    details: words.slice(1),
  });
}
