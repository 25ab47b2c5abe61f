import type { IncomingMessage } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { CONSOLE_PROTOCOL } from '../../api/agent.ts';
import { errorAnswer } from '../../api/error.ts';
import { asPxenError, messageOf, PxenError } from '../../base/error.ts';
import type { Tree } from '../tree.ts';
import { hasTcpClient, hasUnixClient } from '../workload/sockets.ts';
import type { VirtualMachine } from '../workload/virtual-machine.ts';
import type { Workloads } from '../workload/workloads.ts';

export interface ConsolePorts {
  readonly workloads: Pick<Workloads, 'find'>;
  readonly tree: Tree;
}

/** Somebody who wants a console. */
interface Visitor {
  readonly uuid: string;
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What came with the request already. */
  readonly head: Buffer;
}

/** Milliseconds for a connection within the node. */
const PATIENCE = 5000;

/** Where a serial console is served: by its engine, or by the agent for it. */
type Port = { readonly host: '127.0.0.1'; readonly port: number } | { readonly path: string };

/** Joins a visitor with the serial console of a workload. It serves one at a time: whoever comes second is told so. */
export class ConsoleDoor {
  readonly #ports: ConsolePorts;
  /** Both ends of each console that is open. */
  readonly #open = new Set<{ readonly uuid: string; readonly ends: readonly Duplex[] }>();

  constructor(ports: ConsolePorts) {
    this.#ports = ports;
  }

  /** Never rejects: a visitor who cannot come in is told why. */
  async open(visitor: Visitor): Promise<void> {
    try {
      refuseForeign(visitor.request);
      const machine = this.#machine(visitor.uuid);
      const port = portOf(machine);
      this.#refuseSecond(machine, port);
      const place = { uuid: visitor.uuid, ends: [visitor.socket] };
      this.#open.add(place);
      visitor.socket.once('close', () => this.#open.delete(place));
      this.#join(visitor, await connected(machine, port));
    } catch (thrown) {
      turnAway(visitor.socket, thrown);
    }
  }

  close(): void {
    for (const { ends } of this.#open) for (const end of ends) end.destroy();
  }

  #machine(uuid: string): VirtualMachine {
    const machine = this.#ports.workloads.find(uuid);
    if (!machine) throw new PxenError('NOT_FOUND', `no workload ${JSON.stringify(uuid)} runs on this node`);
    if (!machine.end) return machine;
    throw new PxenError('WORKLOAD_STATE', `${machine.name}: has no console any more: ${machine.end.reason}`);
  }

  #refuseSecond(machine: VirtualMachine, port: Port): void {
    const { tree } = this.#ports;
    const isOurs = [...this.#open].some(({ uuid }) => uuid === machine.folder.uuid);
    const isTaken = 'port' in port ? hasTcpClient(tree, port.port) : hasUnixClient(tree, port.path);
    if (!isOurs && !isTaken) return;
    throw new PxenError(
      'WORKLOAD_BUSY',
      `${machine.name}: its console is in use, and it serves one at a time`,
      {
        details: ['logs with --serial and --follow show what the guest writes without taking the console'],
      },
    );
  }

  #join({ head, socket }: Visitor, serial: Socket): void {
    // Gone meanwhile: the console serves one at a time, and this one would keep all others out.
    if (socket.destroyed) return void serial.destroy();
    socket.once('close', () => serial.destroy());
    serial.once('close', () => socket.destroy());
    serial.on('error', () => serial.destroy());
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${CONSOLE_PROTOCOL}\r\nConnection: Upgrade\r\n\r\n`,
    );
    if (head.length > 0) serial.write(head);
    socket.pipe(serial);
    serial.pipe(socket);
  }
}

function refuseForeign(request: IncomingMessage): void {
  if (request.method === 'GET' && request.headers.upgrade === CONSOLE_PROTOCOL) return;
  throw new PxenError('BAD_REQUEST', `expected GET with Upgrade: ${CONSOLE_PROTOCOL}`);
}

function portOf(machine: VirtualMachine): Port {
  const { console } = machine.saved.machine;
  switch (console.type) {
    case 'serial-tcp':
      return { host: '127.0.0.1', port: console.port };
    case 'serial-socket':
      return { path: machine.folder.at('serial') };
    case 'vnc':
      throw new PxenError(
        'WORKLOAD_STATE',
        `${machine.name}: its console is a screen; open it with a VNC viewer on port ${console.port} of the node`,
      );
  }
}

function connected(machine: VirtualMachine, port: Port): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const serial = createConnection({ ...port, noDelay: true });
    const refuse = (reason: string): void => {
      serial.destroy();
      reject(new PxenError('WORKLOAD_FAILED', `${machine.name}: its console does not answer: ${reason}`));
    };
    // An engine that hangs takes no connections, and the queue of those that wait is short.
    serial.setTimeout(PATIENCE, () => refuse(`no connection within ${PATIENCE / 1000} s`));
    serial.once('connect', () => {
      serial.setTimeout(0);
      resolve(serial);
    });
    serial.once('error', error => refuse(messageOf(error)));
  });
}

function turnAway(socket: Duplex, thrown: unknown): void {
  // Whoever does not hang up after that shall not keep the agent from ending.
  socket.end(errorAnswer(asPxenError(thrown)), () => socket.destroy());
}
