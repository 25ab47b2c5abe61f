import { createConnection, type Socket } from 'node:net';
import { messageOf, PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import { type GuestAction, GuestSession } from '../../wire/qmp/guest.ts';

/** A command for the agent in a guest. */
export interface GuestCommand {
  readonly execute: string;
  readonly arguments?: object | undefined;
  /** Milliseconds until the agent has shown that it is there, with the time that others before it take. */
  readonly patience?: number | undefined;
  /** Milliseconds, for the answer. */
  readonly timeout?: number | undefined;
  /** Bytes of the answer. */
  readonly longest?: number | undefined;
  /** It answers only when it refuses, as guest-shutdown does. */
  readonly isSilent?: boolean | undefined;
  /** Aborted: it is not sent any more. */
  readonly signal?: AbortSignal | undefined;
}

/** How the agent of a guest is asked; engines differ in how it is reached. */
export interface GuestCommands {
  /** Rejects with TIMEOUT when nobody answers, and with WORKLOAD_FAILED when the agent refuses. */
  execute(command: GuestCommand): Promise<unknown>;
  close(): void;
}

export interface ChannelPorts {
  /** Of the workload, for messages. */
  readonly name: string;
  /** Of the socket. */
  readonly path: string;
  readonly clock: Clock;
}

/** Milliseconds. A node that emulates its guests, or is itself emulated, takes tenths of a second. */
const PATIENCE = 5000;
const ANSWER_TIMEOUT = 10_000;
/** For a refusal of a command that answers nothing else. */
const REFUSAL_TIMEOUT = 1000;
/** Who answered so short a time ago is still there. */
const FRESH = 1000;

/**
 * The virtio-serial channel to a guest agent, through the socket that QEMU serves: one connection at a time, one command
 * at a time; the others wait. It connects when it is first needed. QEMU keeps what is sent until the guest listens, so
 * nothing but a question whether it is there goes out before the agent answers: a shutdown must not reach the guest
 * after its reboot. A connection without an answer is given up, and QEMU forgets what is still in it.
 */
export class GuestChannel implements GuestCommands {
  readonly #ports: ChannelPorts;
  #turn: Promise<unknown> = Promise.resolve();
  #link: Link | undefined;
  #isClosed = false;

  constructor(ports: ChannelPorts) {
    this.#ports = ports;
  }

  execute(command: GuestCommand): Promise<unknown> {
    const { clock, name } = this.#ports;
    const patience = command.patience ?? PATIENCE;
    const deadline = clock.elapsed() + patience;
    const { promise, reject, resolve } = Promise.withResolvers<unknown>();
    const callOff = clock.after(patience, () => reject(silent(name, patience)));
    this.#turn = this.#turn.then(async () => {
      callOff();
      // The caller has gone.
      if (clock.elapsed() >= deadline) return;
      await this.#execute(command, deadline).then(resolve, reject);
    });
    return promise;
  }

  /** For good. */
  close(): void {
    this.#isClosed = true;
    this.#drop();
  }

  async #execute(command: GuestCommand, deadline: number): Promise<unknown> {
    const link = await this.#synchronized(command.patience ?? PATIENCE, deadline);
    if (command.signal?.aborted) throw this.#failed(`${command.execute} was called off`);
    const timeout = command.timeout ?? (command.isSilent ? REFUSAL_TIMEOUT : ANSWER_TIMEOUT);
    const action = await link.ask(
      session => session.command(command.execute, command.arguments, command.longest),
      timeout,
    );
    return this.#outcome(command, action, timeout);
  }

  #outcome(command: GuestCommand, action: GuestAction | undefined, timeout: number): unknown {
    const { execute, isSilent } = command;
    if (action?.kind === 'returned') return action.value;
    if (action?.kind === 'refused')
      throw this.#failed(`its guest agent refused ${execute}: ${action.desc.slice(0, 400)}`);
    if (isSilent) return undefined;
    this.#drop();
    if (action?.kind === 'broken') throw this.#failed(`no answer to ${execute}: ${action.reason}`);
    throw new PxenError(
      'TIMEOUT',
      `${this.#ports.name}: its guest agent did not answer ${execute} within ${timeout / 1000} s`,
    );
  }

  /** A connection over which the agent answers. */
  async #synchronized(patience: number, deadline: number): Promise<Link> {
    const { clock, name } = this.#ports;
    if (this.#isClosed) throw this.#failed('the channel of its guest agent is closed');
    const known = this.#link;
    if (known && clock.elapsed() - known.heardAt < FRESH) return known;
    const link = known ?? (await this.#connect());
    const action = await link.ask(session => session.synchronize(), deadline - clock.elapsed());
    if (action?.kind === 'synchronized') return link;
    this.#drop();
    throw silent(name, patience, action?.kind === 'broken' ? action.reason : undefined);
  }

  async #connect(): Promise<Link> {
    const { clock, path } = this.#ports;
    const socket = await connected(path).catch((thrown: unknown) => {
      throw this.#failed(`nothing serves the channel of its guest agent: ${messageOf(thrown)}`);
    });
    const link = new Link(socket, clock, () => {
      if (this.#link === link) this.#link = undefined;
    });
    this.#link = link;
    // Closed while it was connecting.
    if (this.#isClosed) this.#drop();
    return link;
  }

  #drop(): void {
    this.#link?.close();
    this.#link = undefined;
  }

  #failed(what: string): PxenError {
    return new PxenError('WORKLOAD_FAILED', `${this.#ports.name}: ${what}`);
  }
}

/**
 * One connection. Never rejects: what is wrong comes as an action. It is read only while an answer is waited for: a guest
 * that sends and sends fills its own channel, and costs the node nothing.
 */
class Link {
  /** By `Clock.elapsed`: when the agent answered last. */
  heardAt = Number.NEGATIVE_INFINITY;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #session: GuestSession;
  #answer: ((action: GuestAction | undefined) => void) | undefined;
  #end: GuestAction | undefined;

  constructor(socket: Socket, clock: Clock, onClose: () => void) {
    this.#socket = socket;
    this.#clock = clock;
    // Microseconds: no two links count from the same one, those of an earlier agent included.
    this.#session = new GuestSession(clock.now() * 1000);
    socket.on('data', bytes => {
      for (const action of this.#session.feed(bytes)) this.#take(action);
    });
    socket.pause();
    // An error is followed by the end, which is all that matters.
    socket.on('error', () => {});
    socket.once('close', () => {
      onClose();
      this.#take({ kind: 'broken', reason: 'its channel was closed' });
    });
  }

  /** The answer, or undefined when there is none within so many milliseconds. */
  ask(
    question: (session: GuestSession) => Uint8Array,
    milliseconds: number,
  ): Promise<GuestAction | undefined> {
    return new Promise(resolve => {
      if (this.#end) return resolve(this.#end);
      const callOff = this.#clock.after(milliseconds, () => {
        this.#session.forget();
        this.#answer?.(undefined);
      });
      this.#answer = action => {
        this.#answer = undefined;
        this.#socket.pause();
        callOff();
        resolve(action);
      };
      this.#socket.write(question(this.#session));
      this.#socket.resume();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(action: GuestAction): void {
    if (action.kind === 'broken') {
      this.#end ??= action;
      this.#socket.destroy();
    } else this.heardAt = this.#clock.elapsed();
    this.#answer?.(action);
  }
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** Nobody in the guest listens. */
function silent(name: string, patience: number, reason?: string): PxenError {
  const why = reason === undefined ? `within ${patience / 1000} s` : `(${reason})`;
  return new PxenError('TIMEOUT', `${name}: its guest agent does not answer ${why}`, {
    details: [
      'qemu-ga must be installed and run in the guest; a guest that still boots has none yet',
      'it takes one client at a time: no other program may be on the channel',
    ],
  });
}
