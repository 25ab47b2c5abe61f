import { createConnection, type Socket } from 'node:net';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import { systemClock } from '../../io/clock.ts';
import type { QmpEvent } from '../../wire/qmp/message.ts';
import { type QmpAction, QmpSession } from '../../wire/qmp/session.ts';

export interface MonitorOptions {
  /** The engine, as sentences call it. */
  readonly called: string;
  /** Milliseconds until commands can go out; QEMU makes its socket some time after it was spawned. */
  readonly timeout: number;
  readonly clock?: Clock | undefined;
  /** Gives up connecting, for example because QEMU has ended; a PxenError as its reason is what `connect` rejects with. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: QmpEvent) => void) | undefined;
}

/** Milliseconds that an engine may take for the answer to a command. */
const ANSWER_TIMEOUT = 5000;
/** Milliseconds between two tries to connect: little beside the 50 ms and more that QEMU takes to start. */
const RETRY = 10;

interface Waiting {
  readonly command: string;
  readonly callOff: () => void;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: PxenError) => void;
}

/**
 * A connection to a running engine through its QMP socket; it serves one at a time. Several commands may be in flight.
 * When the connection ends all of them are rejected, and so is every later one.
 */
export class QmpMonitor {
  /** The connection is over, whoever ended it. Never rejects. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #called: string;
  readonly #clock: Clock;
  readonly #onEvent: (event: QmpEvent) => void;
  readonly #session = new QmpSession();
  readonly #ready = Promise.withResolvers<void>();
  readonly #waiting = new Map<number, Waiting>();
  #ended: PxenError | undefined;

  private constructor(
    socket: Socket,
    {
      called,
      clock,
      onEvent,
    }: Pick<MonitorOptions, 'called'> & { clock: Clock; onEvent: (event: QmpEvent) => void },
  ) {
    this.#socket = socket;
    this.#called = called;
    this.#clock = clock;
    this.#onEvent = onEvent;
    this.closed = new Promise(resolve => socket.once('close', () => resolve()));
  }

  /** Waits for the socket and for the greeting. Rejects with TIMEOUT, or with WORKLOAD_FAILED when the engine goes away or speaks no QMP. */
  static async connect(path: string, options: MonitorOptions): Promise<QmpMonitor> {
    const { called, clock = systemClock, onEvent = () => {}, signal, timeout } = options;
    const deadline = clock.elapsed() + timeout;
    const socket = await openSocket(path, { called, clock, deadline, signal });
    const monitor = new QmpMonitor(socket, { called, clock, onEvent });
    await monitor.#greet(path, deadline, signal);
    return monitor;
  }

  /** What the engine answers. Rejects with WORKLOAD_FAILED and its own words, or with TIMEOUT; then its answer is not waited for any more. */
  execute(command: string, args?: object, timeoutMs: number = ANSWER_TIMEOUT): Promise<unknown> {
    if (this.#ended) return Promise.reject(unanswered(command, this.#ended));
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const { id, bytes } = this.#session.command(command, args);
    const callOff = this.#clock.after(timeoutMs, () => this.#giveUp(id, timeoutMs));
    this.#waiting.set(id, { command, callOff, resolve, reject });
    this.#socket.write(bytes);
    return promise;
  }

  /** The engine runs on. */
  close(): void {
    this.#end(new PxenError('WORKLOAD_FAILED', 'the QMP connection was closed'));
  }

  async #greet(path: string, deadline: number, signal: AbortSignal | undefined): Promise<void> {
    const giveUp = (): void => this.#end(givenUp(path, this.#called, signal));
    const callOff = this.#clock.after(deadline - this.#clock.elapsed(), () =>
      this.#end(
        new PxenError(
          'TIMEOUT',
          `${path}: ${this.#called} did not greet in time; it serves one QMP connection at a time`,
        ),
      ),
    );
    signal?.addEventListener('abort', giveUp, { once: true });
    this.#listen();
    try {
      await this.#ready.promise;
    } finally {
      callOff();
      signal?.removeEventListener('abort', giveUp);
    }
  }

  #listen(): void {
    let cause: Error | undefined;
    this.#socket.on('data', bytes => {
      for (const action of this.#session.feed(bytes)) this.#perform(action);
    });
    this.#socket.on('error', error => {
      cause = error;
    });
    this.#socket.on('close', () =>
      this.#end(
        new PxenError('WORKLOAD_FAILED', `${this.#called} ended its QMP connection`, cause ? { cause } : {}),
      ),
    );
  }

  #perform(action: QmpAction): void {
    switch (action.kind) {
      case 'send':
        this.#socket.write(action.bytes);
        return;
      case 'ready':
        this.#ready.resolve();
        return;
      case 'returned':
        this.#take(action.id)?.resolve(action.value);
        return;
      case 'refused': {
        const waiting = this.#take(action.id);
        waiting?.reject(
          new PxenError('WORKLOAD_FAILED', `${this.#called} refused ${waiting.command}: ${action.desc}`),
        );
        return;
      }
      case 'event':
        this.#onEvent(action.event);
        return;
      case 'broken':
        this.#end(new PxenError('WORKLOAD_FAILED', `${this.#called} does not speak QMP: ${action.reason}`));
    }
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.callOff();
    return waiting;
  }

  #giveUp(id: number, timeoutMs: number): void {
    this.#session.forget(id);
    const waiting = this.#take(id);
    waiting?.reject(
      new PxenError(
        'TIMEOUT',
        `${this.#called} did not answer ${waiting.command} within ${timeoutMs / 1000} s`,
      ),
    );
  }

  /** The first reason counts. */
  #end(reason: PxenError): void {
    this.#ended ??= reason;
    this.#socket.destroy();
    this.#ready.reject(this.#ended);
    for (const [id, { command }] of [...this.#waiting])
      this.#take(id)?.reject(unanswered(command, this.#ended));
  }
}

function unanswered(command: string, reason: PxenError): PxenError {
  return new PxenError('WORKLOAD_FAILED', `no answer to ${command}: ${reason.message}`, { cause: reason });
}

function givenUp(path: string, called: string, signal: AbortSignal | undefined): PxenError {
  const reason: unknown = signal?.reason;
  return reason instanceof PxenError
    ? reason
    : new PxenError('WORKLOAD_FAILED', `${path}: connecting to ${called} was given up`);
}

interface Patience {
  readonly called: string;
  readonly clock: Clock;
  /** By `clock.elapsed()`. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

async function openSocket(path: string, { called, clock, deadline, signal }: Patience): Promise<Socket> {
  for (;;) {
    if (signal?.aborted) throw givenUp(path, called, signal);
    const socket = await tryToOpen(path);
    if ('write' in socket) return socket;
    if (!isNotThereYet(socket))
      throw new PxenError('WORKLOAD_FAILED', `${path}: ${messageOf(socket)}`, { cause: socket });
    if (clock.elapsed() >= deadline)
      throw new PxenError('TIMEOUT', `${path}: ${called} did not open its QMP socket in time`, {
        cause: socket,
      });
    await new Promise<void>(resolve => clock.after(RETRY, resolve));
  }
}

function tryToOpen(path: string): Promise<Socket | Error> {
  return new Promise(resolve => {
    const socket = createConnection(path);
    socket.once('error', resolve);
    socket.once('connect', () => {
      socket.off('error', resolve);
      resolve(socket);
    });
  });
}

/** ECONNREFUSED: QEMU has made it and does not listen yet, or it is that of a dead one, which a new one replaces. */
function isNotThereYet(error: Error): boolean {
  return ['ENOENT', 'ECONNREFUSED'].includes(systemCode(error) ?? '');
}
