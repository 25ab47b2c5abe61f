import type { Duplex } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import { type PinnedAddress, PinnedConnection, type SshOptions } from './connect.ts';

export interface LinkOptions extends SshOptions {
  /** Unix socket on the node that every link leads to. */
  readonly socket: string;
  readonly clock: Clock;
}

/** A node to link to. */
export interface LinkTarget extends PinnedAddress {
  readonly node: string;
  /** Another boot means another connection: the old one is dead, whether or not host0 has noticed. */
  readonly bootId: string | undefined;
}

/** Milliseconds that a connection without links is kept for the next one: a handshake takes longer than most commands. */
const IDLE = 600_000;
/** Milliseconds that sshd may take to open a link. */
const OPEN_TIMEOUT = 10_000;

/** RFC 4254 section 5.1: why a channel was not opened. */
const ADMINISTRATIVELY_PROHIBITED = 1;
const CONNECT_FAILED = 2;

/** Byte streams to one unix socket of each node, through its sshd: all links to a node share one SSH connection. */
export class SshLinks {
  readonly #options: LinkOptions;
  /** By address. */
  readonly #connections = new Map<string, SharedConnection>();

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /**
   * Rejects with NODE_UNREACHABLE, HOST_KEY_MISMATCH, UNAUTHORIZED, AGENT_DOWN when nothing listens on the socket, or
   * TIMEOUT once `signal` is aborted.
   */
  async open(to: LinkTarget, signal: AbortSignal): Promise<Duplex> {
    const known = this.#connections.get(to.address);
    if (!known?.isFor(to)) return this.#fresh(to).link(signal);
    try {
      return await known.link(signal);
    } catch (error) {
      // A connection may have died long ago without a word.
      if (!known.hasDied || signal.aborted) throw error;
      return this.#fresh(to).link(signal);
    }
  }

  /** Cuts every link. */
  close(): void {
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }

  #fresh(to: LinkTarget): SharedConnection {
    const known = this.#connections.get(to.address);
    if (known?.isFor(to) && !known.isGone) return known;
    known?.close();
    const connection = new SharedConnection(this.#options, to);
    this.#connections.set(to.address, connection);
    void connection.gone.then(() => {
      if (this.#connections.get(to.address) === connection) this.#connections.delete(to.address);
    });
    return connection;
  }
}

/** One SSH connection with any number of links over it. */
class SharedConnection {
  readonly #options: LinkOptions;
  readonly #to: LinkTarget;
  readonly #connection: PinnedConnection;
  readonly #ready: Promise<void>;
  /** Resolves when the connection is no more. */
  readonly gone: Promise<void>;
  #isGone = false;
  #links = 0;
  #callOffIdle = (): void => {};

  constructor(options: LinkOptions, to: LinkTarget) {
    this.#options = options;
    this.#to = to;
    this.#connection = new PinnedConnection(options, to, 'nothing was sent to it');
    // Every link that is being opened listens for its end.
    this.#connection.client.setMaxListeners(0);
    this.#ready = this.#connection.open().then(() => this.#askForHurry());
    this.gone = new Promise(resolve => {
      const end = (): void => {
        this.#isGone = true;
        this.#callOffIdle();
        resolve();
      };
      this.#connection.client.on('close', end);
      this.#ready.catch(() => {
        this.close();
        end();
      });
    });
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** It worked once, and does no more. */
  get hasDied(): boolean {
    return this.#isGone && this.#connection.isReady;
  }

  /**
   * OpenSSH sets TCP_NODELAY on its side only once a session runs a command (ssh_packet_set_interactive). Until then every
   * short line behind another one waits 40 ms for our acknowledgement.
   */
  #askForHurry(): void {
    this.#connection.client.exec(':', (_error, channel) => {
      channel?.resume();
      channel?.stderr.resume();
    });
  }

  isFor({ hostKey, bootId }: LinkTarget): boolean {
    return this.#to.hostKey === hostKey && this.#to.bootId === bootId;
  }

  close(): void {
    this.#isGone = true;
    this.#callOffIdle();
    this.#connection.close();
  }

  async link(signal: AbortSignal): Promise<Duplex> {
    this.#take();
    try {
      await abortable(this.#ready, signal);
      const channel = await this.#channel(signal);
      return asSocket(channel, () => this.#give());
    } catch (error) {
      this.#give();
      throw error;
    }
  }

  #take(): void {
    this.#links++;
    this.#callOffIdle();
  }

  #give(): void {
    this.#links--;
    if (this.#links > 0 || this.#isGone) return;
    this.#callOffIdle = this.#options.clock.after(IDLE, () => this.close());
  }

  /** Opened, refused, too late, lost or not wanted any more: whatever comes first. */
  async #channel(signal: AbortSignal): Promise<ClientChannel> {
    const { client } = this.#connection;
    let settle = (): void => {};
    const broken = new Promise<never>((_, reject) => {
      const gone = (): void => reject(this.#connection.lost());
      const aborted = (): void => reject(callerGone());
      const callOff = this.#options.clock.after(OPEN_TIMEOUT, () => {
        reject(this.#silent());
        this.close();
      });
      client.once('close', gone);
      signal.addEventListener('abort', aborted, { once: true });
      settle = () => {
        callOff();
        client.off('close', gone);
        signal.removeEventListener('abort', aborted);
      };
    });
    const opened = this.#forward();
    // Who wanted it may be gone when it comes.
    opened.then(
      channel => signal.aborted && drop(channel),
      () => {},
    );
    return Promise.race([opened, broken]).finally(settle);
  }

  async #forward(): Promise<ClientChannel> {
    try {
      return await new Promise<ClientChannel>((resolve, reject) => {
        this.#connection.client.openssh_forwardOutStreamLocal(this.#options.socket, (error, channel) => {
          if (error) reject(this.#refusal(error));
          else resolve(channel);
        });
      });
    } catch (thrown) {
      if (thrown instanceof PxenError) throw thrown;
      // ssh2 throws when its socket has closed and it has not told yet.
      this.close();
      throw this.#connection.lost();
    }
  }

  #refusal(error: Error & { reason?: unknown }): PxenError {
    const { node } = this.#to;
    const { socket } = this.#options;
    if (error.reason === CONNECT_FAILED)
      return new PxenError(
        'AGENT_DOWN',
        `the agent of ${node} does not answer: nothing listens on ${socket} there`,
        {
          cause: error,
          details: ['on the node: rc-service pxen-agent status; tail /var/log/pxen-agent.log'],
        },
      );
    if (error.reason === ADMINISTRATIVELY_PROHIBITED)
      return new PxenError(
        'AGENT_DOWN',
        `the agent of ${node} cannot be reached: sshd there forwards no unix sockets`,
        {
          cause: error,
          details: ['on the node: AllowStreamLocalForwarding in /etc/ssh/sshd_config must be yes'],
        },
      );
    return this.#connection.trouble(error);
  }

  #silent(): PxenError {
    const text = `${this.#connection.place}: sshd opened no link within ${OPEN_TIMEOUT / 1000} s`;
    return new PxenError('NODE_UNREACHABLE', text, { details: [`is ${this.#to.node} still on?`] });
  }
}

function callerGone(): PxenError {
  return new PxenError('TIMEOUT', 'the caller went away');
}

/** The work goes on, for others may wait for it too. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(callerGone());
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Closes it for good; ssh2 tells of the end only to those who read up to it. */
function drop(channel: ClientChannel): ClientChannel {
  channel.end();
  channel.close();
  channel.resume();
  return channel;
}

/**
 * node:http calls a few methods of a net.Socket that an SSH channel does not have. `onGone` is called once: when its end
 * is confirmed or, for a node may never do that, when it is destroyed.
 */
export function asSocket(channel: ClientChannel, onGone: () => void): Duplex {
  const nothing = (): void => {};
  let isGone = false;
  const gone = (): void => {
    if (!isGone) onGone();
    isGone = true;
  };
  channel.once('close', gone);
  const close = (): ClientChannel => {
    gone();
    return drop(channel);
  };
  return Object.assign(channel, {
    setTimeout: nothing,
    setNoDelay: nothing,
    setKeepAlive: nothing,
    ref: nothing,
    unref: nothing,
    destroy: close,
    destroySoon: close,
  });
}
