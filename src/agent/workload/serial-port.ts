import { constants, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type ListenOptions, type Server, Socket } from 'node:net';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import type { LogFile } from './logfile.ts';
import { delay } from './waiting.ts';
import { written } from './written.ts';

export interface SerialPorts {
  readonly clock: Clock;
  /** What the guest says: its engine appends it there. */
  readonly said: LogFile;
  /** The pipe into which goes what the guest shall hear. */
  readonly pipe: string;
  /** Where visitors come in. */
  readonly at: { readonly host: string; readonly port: number } | { readonly path: string };
}

/** Milliseconds between two looks for more: less than who types would notice. */
const LOOK_EVERY = 30;
/** Bytes that are sent in one go. */
const PIECE = 64 * 1024;

/**
 * Serves a serial port that is the standard input and output of its engine (SV-16), just as engines do it that serve
 * theirs themselves: one visitor at a time, who hears what the guest says from now on. The engine outlives the agent and
 * never waits for anybody, because it writes into a file and reads from a pipe that stays open.
 */
export class SerialPort {
  readonly #ports: SerialPorts;
  #server: Server | undefined;
  #visitor: Socket | undefined;
  #trouble: string | undefined;

  constructor(ports: SerialPorts) {
    this.#ports = ports;
  }

  /** Why it could not be opened. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Rejects with PORT_IN_USE or WORKLOAD_FAILED. */
  async open(): Promise<void> {
    if (this.#server) return;
    const { at } = this.#ports;
    // Of an agent that was killed.
    if ('path' in at) await rm(at.path, { force: true });
    const server = createServer({ noDelay: true }, visitor => this.#receive(visitor));
    try {
      await listening(server, at);
      this.#server = server;
      this.#trouble = undefined;
    } catch (thrown) {
      this.#trouble = messageOf(thrown);
      throw thrown;
    }
  }

  close(): void {
    this.#server?.close();
    this.#server = undefined;
    this.#visitor?.destroy();
  }

  #receive(visitor: Socket): void {
    if (this.#visitor && !this.#visitor.destroyed) return void visitor.destroy();
    const end = (): void => void visitor.destroy();
    visitor.on('error', end);
    this.#visitor = visitor;
    try {
      const guest = writerOf(this.#ports.pipe);
      guest.on('error', end);
      visitor.once('close', () => guest.destroy());
      visitor.pipe(guest);
      void this.#show(visitor).catch(end);
    } catch {
      // Its engine is just ending.
      end();
    }
  }

  async #show(visitor: Socket): Promise<void> {
    const { clock, said } = this.#ports;
    for (let place = said.tail(0).end; !visitor.destroyed; ) {
      const more = said.since(place, PIECE);
      place = more?.end ?? place;
      if (more && more.text.length > 0) await written(visitor, more.text);
      else await delay(clock, LOOK_EVERY);
    }
  }
}

/** Not blocking: a guest that reads nothing must not hold up the agent. Throws ENXIO when nobody would ever read. */
function writerOf(pipe: string): Socket {
  const fd = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
  return new Socket({ fd, readable: false, writable: true });
}

function listening(server: Server, at: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', error => {
      const code = systemCode(error) === 'EADDRINUSE' ? 'PORT_IN_USE' : 'WORKLOAD_FAILED';
      reject(
        new PxenError(code, `the serial console cannot be served: ${messageOf(error)}`, { cause: error }),
      );
    });
    server.listen(at);
  });
}
