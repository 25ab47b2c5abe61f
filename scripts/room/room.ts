import { execFile } from 'node:child_process';
import { cpSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type MachineSpec, machineArgv } from './machine.ts';
import { BRIDGE, RoomNetwork, writeRouterConfig } from './network.ts';
import { RoomProcess } from './process.ts';

export const PROJECT = join(import.meta.dirname, '../..');

/** What a `mesh` call gave back. */
export interface MeshResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Without no_timer_check Linux panics at times where the computer is so busy that an emulated clock misses its ticks. */
const CONFIG = `
interface: ${BRIDGE}
dhcp:
  pool: [10.77.0.100-10.77.0.199]
boot:
  console: [ttyS0]
  arguments: quiet no_timer_check
`;

let rooms = 0;

/**
 * A virtual machine room on this computer: a network namespace as its switch, `pxend` on host0 in it, and QEMU
 * machines without disks. `scripts/up` shows one; the boot tests run in them. Needs root, for the namespace.
 */
export class Room {
  /** --root of the appliance. */
  readonly root: string;
  readonly network: RoomNetwork;
  readonly #processes: RoomProcess[] = [];
  readonly #keepRoot: boolean;
  #pxend: RoomProcess | undefined;

  constructor(options: { root?: string } = {}) {
    this.#keepRoot = options.root !== undefined;
    this.root = options.root ?? mkdtempSync(join(tmpdir(), 'pxen-room-'));
    this.network = new RoomNetwork(`pxen-${process.pid}-${rooms++}`);
  }

  /** Network, router advertisements, boot files and a configuration; pxend is not started yet. */
  open(): void {
    this.network.open();
    mkdirSync(this.logs, { recursive: true });
    this.advertiseIn(this.network.namespace, BRIDGE);
    this.write('etc/pxen/pxen.yaml', CONFIG);
  }

  get logs(): string {
    return join(this.root, 'var/log');
  }

  get pxend(): RoomProcess {
    if (!this.#pxend) throw new Error('pxend has not been started in this room');
    return this.#pxend;
  }

  /** A file under the appliance's root, with its folders. */
  write(path: string, content: string): void {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  /** Puts the built node image in place; hard links where the file system allows it, so that a room costs no 60 MB. */
  installImage(image: string): void {
    for (const name of readdirSync(image, { recursive: true, encoding: 'utf8', withFileTypes: true })) {
      if (!name.isFile()) continue;
      const from = join(name.parentPath, name.name);
      const to = join(this.root, 'srv/pxen', from.slice(image.length));
      mkdirSync(dirname(to), { recursive: true });
      linkOrCopy(from, to);
    }
  }

  /** Starts pxend and waits until it says that it serves. */
  async startPxend(...flags: string[]): Promise<RoomProcess> {
    this.#pxend = this.spawn('pxend', [join(PROJECT, 'scripts/pxend'), '--root', this.root, ...flags]);
    await this.#pxend.saw(/pxend: ready/, 20_000);
    return this.#pxend;
  }

  /** Switches a machine on. Its serial output is the output of the process. */
  powerOn(spec: MachineSpec): RoomProcess {
    return this.spawn(spec.name, machineArgv(spec, this.network.addPort(), this.root));
  }

  /** A router advertisement sender on a link: on a LAN without one, iPXE waits 16 s. */
  advertiseIn(namespace: string, link: string): void {
    const name = `radvd-${link}`;
    const config = join(this.root, `${name}.conf`);
    writeRouterConfig(config, link);
    this.spawnIn(namespace, name, [
      ...['radvd', '--nodaemon', '--config', config, '--pidfile', join(this.root, `${name}.pid`)],
      ...['--logmethod', 'stderr'],
    ]);
  }

  /** Runs the command line against this room's appliance. Never throws: the exit status is part of the answer. */
  mesh(...args: string[]): Promise<MeshResult> {
    const argv = ['--root', this.root, ...args];
    return new Promise(resolve => {
      execFile(join(PROJECT, 'scripts/mesh'), argv, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
      });
    });
  }

  spawn(name: string, argv: readonly string[]): RoomProcess {
    return this.spawnIn(this.network.namespace, name, argv);
  }

  /** The same in another network namespace; it is ended with the room all the same. */
  spawnIn(namespace: string, name: string, argv: readonly string[]): RoomProcess {
    const enter = ['ip', 'netns', 'exec', namespace];
    const child = new RoomProcess(name, [...enter, ...argv], join(this.logs, `${name}.log`));
    this.#processes.push(child);
    return child;
  }

  /** Ends everything that was started, last one first, and removes the network and the folder. */
  async close(): Promise<void> {
    for (const child of this.#processes.toReversed()) await child.stop();
    this.network.close();
    if (!this.#keepRoot) rmSync(this.root, { recursive: true, force: true });
  }
}

function linkOrCopy(from: string, to: string): void {
  rmSync(to, { force: true });
  try {
    linkSync(from, to);
  } catch {
    cpSync(from, to);
  }
}

/** Where scripts/prepare has put the node image. */
export function imageFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(process.env['HOME'] ?? '/root', '.cache'), 'pxen/out');
}
