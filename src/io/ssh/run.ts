import { StringDecoder } from 'node:string_decoder';
import { Client, type ClientChannel } from 'ssh2';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';
import { normalHostKey } from '../../domain/node/host-key.ts';
import type { RemoteCommand, RemoteEnd, RunRemote } from '../../domain/node/remote.ts';
import { fingerprint } from './fingerprint.ts';

export interface SshOptions {
  /** host0's private key in OpenSSH format; read for each connection. */
  readonly privateKey: () => Promise<string>;
  readonly user: string;
  readonly port: number;
}

/** Milliseconds for TCP and the SSH handshake together. */
const CONNECT_TIMEOUT = 10_000;

/** A runner of commands by SSH. Only the pinned host key is accepted; one connection per command. */
export function sshRunner(options: SshOptions): RunRemote {
  return async command => {
    const pinned = blobOf(command.hostKey);
    if (!pinned) {
      throw new PxenError('HOST_KEY_MISMATCH', `${command.address}: the pinned host key is no Ed25519 key`, {
        details: [`pinned: ${command.hostKey}`],
      });
    }
    const privateKey = await options.privateKey();
    return new Session(options, command, pinned).run(privateKey);
  };
}

function blobOf(line: string): Buffer | undefined {
  const base64 = normalHostKey(line)?.split(' ')[1];
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64');
}

/** One connection with one command, from connect to close. */
class Session {
  readonly #client = new Client();
  readonly #options: SshOptions;
  readonly #command: RemoteCommand;
  readonly #pinned: Buffer;
  #refused: Buffer | undefined;
  #ready = false;

  constructor(options: SshOptions, command: RemoteCommand, pinned: Buffer) {
    this.#options = options;
    this.#command = command;
    this.#pinned = pinned;
  }

  async run(privateKey: string): Promise<RemoteEnd> {
    const { signal, timeout } = this.#command;
    let stop: () => void = () => {};
    const stopped = new Promise<never>((_, reject) => {
      const timer = setTimeout(() => reject(this.#tooLong()), timeout);
      const abort = (): void => reject(new PxenError('TIMEOUT', 'the caller went away'));
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort();
      stop = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
      };
    });
    try {
      return await Promise.race([this.#connectAndExecute(privateKey), stopped]);
    } finally {
      stop();
      this.#client.destroy();
    }
  }

  async #connectAndExecute(privateKey: string): Promise<RemoteEnd> {
    await this.#connect(privateKey);
    return this.#execute();
  }

  #connect(privateKey: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.on('error', error => reject(this.#connectError(error)));
      this.#client.on('close', () => reject(this.#lost()));
      this.#client.on('ready', () => {
        this.#ready = true;
        resolve();
      });
      this.#client.connect({
        host: this.#command.address,
        port: this.#options.port,
        username: this.#options.user,
        privateKey,
        readyTimeout: CONNECT_TIMEOUT,
        keepaliveInterval: 5000,
        keepaliveCountMax: 3,
        algorithms: { serverHostKey: ['ssh-ed25519'] },
        hostVerifier: (key: Buffer) => this.#verify(key),
      });
    });
  }

  #verify(shown: Buffer): boolean {
    if (shown.equals(this.#pinned)) return true;
    this.#refused = shown;
    return false;
  }

  #execute(): Promise<RemoteEnd> {
    return new Promise((resolve, reject) => {
      this.#client.on('error', error => reject(this.#connectError(error)));
      this.#client.on('close', () => reject(this.#lost()));
      this.#client.exec(this.#command.command, (error, channel) => {
        if (error) return reject(this.#connectError(error));
        this.#follow(channel).then(resolve, reject);
      });
    });
  }

  /** The end is told when both outputs have been passed on whole. */
  async #follow(channel: ClientChannel): Promise<RemoteEnd> {
    const end = new Promise<RemoteEnd>((resolve, reject) => {
      channel.on('exit', (exit: number | null, signal?: string) => resolve({ exit, signal }));
      channel.on('close', () => reject(this.#lost()));
      channel.on('error', (error: Error) => reject(this.#connectError(error)));
    });
    // Whoever fails first decides; the other promise must not count as unhandled.
    end.catch(() => {});
    channel.stdin.end();
    await Promise.all([this.#pass('stdout', channel), this.#pass('stderr', channel.stderr)]);
    return end;
  }

  async #pass(stream: 'stdout' | 'stderr', source: AsyncIterable<Buffer>): Promise<void> {
    const decoder = new StringDecoder('utf8');
    for await (const piece of source) {
      const data = decoder.write(piece);
      if (data !== '') await this.#command.onOutput(stream, data);
    }
    const rest = decoder.end();
    if (rest !== '') await this.#command.onOutput(stream, rest);
  }

  #connectError(error: Error & { level?: string }): PxenError {
    const place = this.#place;
    if (this.#refused) return this.#mismatch(this.#refused);
    if (error.level === 'client-authentication') {
      return new PxenError('UNAUTHORIZED', `${place}: the node does not accept host0's SSH key`, {
        cause: error,
        details: [
          "its overlay carries host0's public key in /root/.ssh/authorized_keys; a node that booted before the key was made must reboot",
        ],
      });
    }
    return this.#unreachable(messageOf(error), error);
  }

  #mismatch(shown: Buffer): PxenError {
    return new PxenError(
      'HOST_KEY_MISMATCH',
      `${this.#place}: shows host key ${fingerprint(shown)}, expected ${fingerprint(this.#pinned)}; the command was not run`,
      { details: ['another machine may have this address, or somebody is in between; a reboot pins anew'] },
    );
  }

  #unreachable(reason: string, cause?: unknown): PxenError {
    const { address } = this.#command;
    return new PxenError('NODE_UNREACHABLE', `${this.#place}: ${reason}`, {
      cause,
      details: [
        systemCode(cause) === 'ECONNREFUSED'
          ? 'the node is up but sshd does not listen: on its console, rc-service sshd status'
          : `is the node on and on this network? try: ping ${address}; then on its console: rc-service sshd status`,
      ],
    });
  }

  #lost(): PxenError {
    return this.#unreachable(this.#ready ? 'the connection was lost' : 'the connection was closed');
  }

  #tooLong(): PxenError {
    const seconds = this.#command.timeout / 1000;
    const what = this.#ready ? 'the command did not end' : 'no connection';
    return new PxenError('TIMEOUT', `${this.#place}: ${what} within ${seconds} s`, {
      details: this.#ready ? ['its connection is closed; the command may go on running on the node'] : [],
    });
  }

  get #place(): string {
    return `${this.#command.address}:${this.#options.port}`;
  }
}
