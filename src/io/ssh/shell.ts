import { readFile } from 'node:fs/promises';
import type { Duplex, Readable } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import { knownHostKey } from '../../domain/node/known-hosts.ts';
import type { HostShell, ShellEnd, ShellOptions, ShellSocket } from '../../domain/node/shell.ts';
import { commandLine } from '../exec.ts';
import { placeOf } from '../local-shell.ts';
import { PinnedConnection, type SshOptions } from './connect.ts';
import { asSocket } from './link.ts';

export interface SshShellOptions extends SshOptions {
  readonly address: string;
  /** A known_hosts file, which the admin keeps; read for each connection. */
  readonly knownHosts: string;
}

/** Bytes kept of an output: what 500 domains say of themselves. */
const MOST_OUTPUT = 16 * 1024 * 1024;
/** Commands at the same time: sshd takes ten sessions a connection (MaxSessions), and logs that are followed are such, too. */
const MOST_COMMANDS = 4;

/** The command line and the sockets of a machine, by one SSH connection that is kept. Only the key of known_hosts is accepted. */
export class SshShell implements HostShell {
  readonly #options: SshShellOptions;
  #connection: Promise<PinnedConnection> | undefined;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: SshShellOptions) {
    this.#options = options;
  }

  async run(argv: readonly string[], options: ShellOptions): Promise<ShellEnd> {
    await this.#turn();
    try {
      return await this.#run(argv, options);
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async follow(argv: readonly string[], signal: AbortSignal): Promise<Readable> {
    const channel = await this.#execute(argv, each => each);
    channel.stderr.resume();
    // sshd ends the program when its channel is closed and it writes again.
    const end = (): void => channel.close();
    signal.addEventListener('abort', end, { once: true });
    channel.once('close', () => signal.removeEventListener('abort', end));
    channel.on('error', () => {});
    channel.stdin.end();
    return channel;
  }

  async connect(to: ShellSocket, signal: AbortSignal): Promise<Duplex> {
    const channel = await this.#open(to);
    const end = (): void => void stream.destroy();
    let isClosed = false;
    channel.once('close', () => {
      isClosed = true;
    });
    const stream = asSocket(channel, () => {
      signal.removeEventListener('abort', end);
      // The other side may never confirm it.
      if (!isClosed) channel.emit('close');
    });
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    return stream;
  }

  /** Cuts the connection, with all that runs over it. */
  close(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    void connection?.then(open => open.close()).catch(() => {});
  }

  async #turn(): Promise<void> {
    while (this.#running >= MOST_COMMANDS) await new Promise<void>(go => this.#waiting.push(go));
    this.#running++;
  }

  async #run(argv: readonly string[], { input, signal, timeout }: ShellOptions): Promise<ShellEnd> {
    const connection = await this.#connected();
    const { channel, end } = await this.#execute(argv, each => ({
      channel: each,
      end: ended(each, connection),
    }));
    let giveUp = (): void => {};
    const tooLong = new Promise<never>((_, reject) => {
      const stop = (why: string): void => {
        reject(new PxenError('TIMEOUT', `${connection.place}: ${argv[0]} ${why}`));
        channel.close();
      };
      const timer = setTimeout(() => stop(`did not end within ${timeout / 1000} s`), timeout);
      const abort = (): void => stop('was called off');
      signal?.addEventListener('abort', abort, { once: true });
      giveUp = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      };
    });
    channel.stdin.end(input);
    return Promise.race([end, tooLong]).finally(giveUp);
  }

  /** `take` is called before anything that the program says can have been missed: its end may come with the channel. */
  async #execute<T>(argv: readonly string[], take: (channel: ClientChannel) => T): Promise<T> {
    const [program = '', ...args] = argv;
    const { client } = await this.#connected();
    return this.#channel(done => client.exec(commandLine(program, args), done), program, take);
  }

  async #open(to: ShellSocket): Promise<ClientChannel> {
    const { client } = await this.#connected();
    return this.#channel(
      done =>
        'port' in to
          ? client.forwardOut('127.0.0.1', 0, '127.0.0.1', to.port, done)
          : client.openssh_forwardOutStreamLocal(to.path, done),
      placeOf(to),
      channel => channel,
    );
  }

  async #channel<T>(
    ask: (done: (error: Error | undefined, channel: ClientChannel) => void) => unknown,
    what: string,
    take: (channel: ClientChannel) => T,
  ): Promise<T> {
    const connection = await this.#connected();
    return new Promise((resolve, reject) => {
      const gone = (): void => reject(connection.lost());
      connection.client.once('close', gone);
      ask((error, channel) => {
        connection.client.off('close', gone);
        if (error)
          reject(new PxenError('WORKLOAD_FAILED', `${connection.place}: ${what}: ${messageOf(error)}`));
        else resolve(take(channel));
      });
    });
  }

  #connected(): Promise<PinnedConnection> {
    if (this.#connection) return this.#connection;
    const connecting = this.#connect();
    this.#connection = connecting;
    const forget = (): void => {
      if (this.#connection === connecting) this.#connection = undefined;
    };
    connecting.then(({ client }) => client.once('close', forget), forget);
    return connecting;
  }

  async #connect(): Promise<PinnedConnection> {
    const hostKey = await this.#hostKey();
    const to = { address: this.#options.address, hostKey };
    const connection = new PinnedConnection(this.#options, to, 'nothing was sent to it');
    // Every channel that is being opened listens for its end.
    connection.client.setMaxListeners(0);
    await connection.open();
    return connection;
  }

  async #hostKey(): Promise<string> {
    const { address, knownHosts, port } = this.#options;
    const text = await readFile(knownHosts, 'utf8').catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return '';
      throw new PxenError('FILE_MISSING', `${knownHosts}: ${messageOf(error)}`, { cause: error });
    });
    const key = knownHostKey(text, address, port);
    if (key !== undefined) return key;
    const scan = `ssh-keyscan -t ed25519${port === 22 ? '' : ` -p ${port}`} ${address} >> ${knownHosts}`;
    throw new PxenError('NODE_UNREACHABLE', `${address}: its SSH host key is not in ${knownHosts}`, {
      details: [`host0 connects to nobody unverified; fetch the key, and compare its fingerprint: ${scan}`],
    });
  }
}

async function ended(channel: ClientChannel, connection: PinnedConnection): Promise<ShellEnd> {
  let exitCode: number | undefined;
  const outputs = [collected(channel), collected(channel.stderr)] as const;
  await new Promise<void>((resolve, reject) => {
    let isOver = false;
    channel.on('exit', (code: number | null) => {
      isOver = true;
      exitCode = code ?? undefined;
    });
    channel.on('error', (error: Error) => reject(connection.trouble(error)));
    channel.on('close', () => (isOver ? resolve() : reject(connection.lost())));
  });
  return { exitCode, stdout: outputs[0](), stderr: outputs[1]() };
}

function collected(stream: Readable): () => string {
  const pieces: Buffer[] = [];
  let room = MOST_OUTPUT;
  stream.on('data', (piece: Buffer) => {
    if (room > 0) pieces.push(piece.subarray(0, room));
    room -= piece.length;
  });
  return () => Buffer.concat(pieces).toString('utf8');
}
