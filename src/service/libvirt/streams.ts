import { type Duplex, PassThrough, type Readable } from 'node:stream';
import type { OutputWanted } from '../../api/agent.ts';
import { PxenError } from '../../base/error.ts';
import type { HostShell, ShellSocket } from '../../domain/node/shell.ts';
import { STATE_FILES, WORKLOADS_FOLDER } from '../../domain/vm/statefiles.ts';
import type { WorkloadStatus } from '../../domain/workload/status.ts';
import type { Note } from './note.ts';
import type { OwnDomain } from './watched.ts';

interface Follower {
  readonly uuid: string;
  readonly source: Readable;
  readonly out: PassThrough;
}

/** Where libvirt has QEMU write. */
export function logOf({ status }: Note): string {
  return `/var/log/libvirt/qemu/${status.name}.log`;
}

/** Logs and consoles of the domains on one host. */
export class DomainStreams {
  readonly #host: string;
  readonly #shell: HostShell;
  readonly #own: (uuid: string) => Promise<OwnDomain>;
  /** Workloads whose console somebody has. */
  readonly #consoles = new Set<string>();
  #followers: readonly Follower[] = [];

  constructor(host: string, shell: HostShell, own: (uuid: string) => Promise<OwnDomain>) {
    this.#host = host;
    this.#shell = shell;
    this.#own = own;
  }

  async output(uuid: string, { follow, lines, of }: OutputWanted, signal: AbortSignal): Promise<Readable> {
    const { note } = await this.#own(uuid);
    const path = of === 'log' ? logOf(note) : `${WORKLOADS_FOLDER}/${uuid}/${STATE_FILES.serialLog}`;
    // One that was never written to is not there.
    const script = 'test -e "$1" || exit 0; file=$1; shift; exec tail "$@" -- "$file"';
    const words = ['-n', `${lines}`, ...(follow ? ['-F'] : [])];
    const source = await this.#shell.follow(['sh', '-c', script, 'sh', path, ...words], signal);
    return follow ? this.#followed(uuid, source) : source;
  }

  async console(uuid: string, signal: AbortSignal): Promise<Duplex> {
    const { note, sight } = await this.#own(uuid);
    const { name } = note.status;
    if (sight.life.state === 'ended')
      throw new PxenError('WORKLOAD_STATE', `${name}: has no console any more: ${sight.life.end}`);
    const port = this.#serialPort(note);
    if (this.#consoles.has(uuid))
      throw new PxenError('WORKLOAD_BUSY', `${name}: its console is in use, and it serves one at a time`, {
        details: ['logs with --serial and --follow show what the guest writes without taking the console'],
      });
    this.#consoles.add(uuid);
    const leave = (): void => void this.#consoles.delete(uuid);
    const console = await this.#shell.connect(port, signal).catch((thrown: unknown) => {
      leave();
      throw thrown;
    });
    console.once('close', leave);
    return console;
  }

  /** Nothing more comes from workloads that are not among those that live. */
  endOthers(workloads: readonly WorkloadStatus[]): void {
    const lives = new Set(workloads.filter(({ state }) => state !== 'ended').map(({ uuid }) => uuid));
    for (const { out, source, uuid } of this.#followers) {
      if (lives.has(uuid)) continue;
      source.unpipe(out);
      out.end();
    }
    this.#followers = this.#followers.filter(({ out, uuid }) => lives.has(uuid) && !out.destroyed);
  }

  #followed(uuid: string, source: Readable): Readable {
    const out = new PassThrough();
    out.once('close', () => source.destroy());
    source.on('error', error => out.destroy(error));
    source.pipe(out);
    this.#followers = [...this.#followers, { uuid, source, out }];
    return out;
  }

  #serialPort({ status: { console, name } }: Note): ShellSocket {
    if (console.type === 'serial-socket' && console.path !== undefined) return { path: console.path };
    if (console.type === 'serial-tcp' && console.port !== undefined) return { port: console.port };
    throw new PxenError(
      'WORKLOAD_STATE',
      `${name}: its console is a screen; open it with a VNC viewer on port ${console.port} of ${this.#host}`,
    );
  }
}
