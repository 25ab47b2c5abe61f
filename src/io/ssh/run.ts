import { StringDecoder } from 'node:string_decoder';
import type { ClientChannel } from 'ssh2';
import { PxenError } from '../../base/error.ts';
import type { RemoteCommand, RemoteEnd, RunRemote } from '../../domain/node/remote.ts';
import { PinnedConnection, type SshOptions } from './connect.ts';

/** A runner of commands by SSH. Only the pinned host key is accepted; one connection per command. */
export function sshRunner(options: SshOptions): RunRemote {
  return command => new Session(options, command).run();
}

/** One connection with one command, from connect to close. */
class Session {
  readonly #connection: PinnedConnection;
  readonly #command: RemoteCommand;

  constructor(options: SshOptions, command: RemoteCommand) {
    this.#connection = new PinnedConnection(options, command, 'the command was not run');
    this.#command = command;
  }

  async run(): Promise<RemoteEnd> {
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
      return await Promise.race([this.#connectAndExecute(), stopped]);
    } finally {
      stop();
      this.#connection.close();
    }
  }

  async #connectAndExecute(): Promise<RemoteEnd> {
    await this.#connection.open();
    return this.#execute();
  }

  #execute(): Promise<RemoteEnd> {
    const { client } = this.#connection;
    return new Promise((resolve, reject) => {
      client.on('error', error => reject(this.#connection.trouble(error)));
      client.on('close', () => reject(this.#connection.lost()));
      client.exec(this.#command.command, (error, channel) => {
        if (error) return reject(this.#connection.trouble(error));
        this.#follow(channel).then(resolve, reject);
      });
    });
  }

  /** The end is told when both outputs have been passed on whole. */
  async #follow(channel: ClientChannel): Promise<RemoteEnd> {
    const end = new Promise<RemoteEnd>((resolve, reject) => {
      channel.on('exit', (exit: number | null, signal?: string) => resolve({ exit, signal }));
      channel.on('close', () => reject(this.#connection.lost()));
      channel.on('error', (error: Error) => reject(this.#connection.trouble(error)));
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

  #tooLong(): PxenError {
    const { isReady, place } = this.#connection;
    const seconds = this.#command.timeout / 1000;
    const what = isReady ? 'the command did not end' : 'no connection';
    return new PxenError('TIMEOUT', `${place}: ${what} within ${seconds} s`, {
      details: isReady ? ['its connection is closed; the command may go on running on the node'] : [],
    });
  }
}
