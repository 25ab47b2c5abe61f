import { type GuestAnswer, type GuestRequest, MOST_GUEST_BYTES } from '../../api/guest.ts';
import { formatBytes } from '../../base/bytes.ts';
import { PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import type { GuestStatus } from '../../domain/workload/status.ts';
import {
  addressesOf,
  countOf,
  executionOf,
  type GuestExecution,
  handleOf,
  hostNameOf,
  interfacesOf,
  osOf,
  pidOf,
  pieceOf,
  versionOf,
} from '../../wire/qmp/guest-answers.ts';
import type { GuestCommand, GuestCommands } from './guest-channel.ts';

export interface GuestAgentPorts {
  /** Of the workload, for messages. */
  readonly name: string;
  readonly commands: GuestCommands;
  readonly clock: Clock;
  /** Its status is another one now. */
  readonly changed: () => void;
}

/** Requests of host0 under way; each may take long. */
const MOST_REQUESTS = 8;
/** Milliseconds between two looks at a guest whose agent answers. */
const LOOK_EVERY = 5000;
/** Between two looks at a command that runs in the guest: first, and at most. */
const FIRST_PAUSE = 20;
const LONGEST_PAUSE = 500;
/** Bytes of a file that go through the channel at once: as base64 they fit into one argument of a program (virsh). */
const PIECE = 64 * 1024;
/** Bytes of an answer with all the output of a command, both streams as base64. */
const LONGEST_EXECUTION = 2 * Math.ceil(MOST_GUEST_BYTES / 3) * 4 + 4096;
/** Milliseconds for the agent of a guest that is to shut down. */
const SHUTDOWN_PATIENCE = { answers: 5000, silent: 500 } as const;

const SILENT: GuestStatus = { agent: 'silent', addresses: [] };

/** The agent in one guest: what it tells, and what it does for host0. */
export class GuestAgent {
  readonly #ports: GuestAgentPorts;
  #status = SILENT;
  /** By `Clock.elapsed`. */
  #lookedAt = Number.NEGATIVE_INFINITY;
  #isLooking = false;
  #requests = 0;

  constructor(ports: GuestAgentPorts) {
    this.#ports = ports;
  }

  get status(): GuestStatus {
    return this.#status;
  }

  /** Begins to find out how it is, unless that was done a moment ago or is under way. */
  look(): void {
    const { clock } = this.#ports;
    const isRecent = clock.elapsed() - this.#lookedAt < LOOK_EVERY && this.#status.agent === 'answers';
    if (!this.#isLooking && !isRecent) void this.#look();
  }

  /** Does what host0 asks. Rejects with what the agent refuses, TIMEOUT, or WORKLOAD_BUSY. */
  async answer(request: GuestRequest, signal: AbortSignal): Promise<GuestAnswer> {
    if (this.#requests >= MOST_REQUESTS)
      throw new PxenError(
        'WORKLOAD_BUSY',
        `${this.#ports.name}: its guest agent has ${MOST_REQUESTS} requests to do already`,
      );
    this.#requests += 1;
    try {
      return await this.#carryOut(request, signal);
    } finally {
      this.#requests -= 1;
    }
  }

  /** Asks the guest to shut down. Rejects when its agent does not answer, or refuses; then the guest knows of nothing. */
  async shutDown(): Promise<void> {
    const patience = SHUTDOWN_PATIENCE[this.#status.agent];
    const command = { execute: 'guest-shutdown', arguments: { mode: 'powerdown' } };
    await this.#execute({ ...command, patience, isSilent: true });
  }

  close(): void {
    this.#ports.commands.close();
  }

  #carryOut(request: GuestRequest, signal: AbortSignal): Promise<GuestAnswer> {
    switch (request.ask) {
      case 'ping':
        return this.#ping();
      case 'info':
        return this.#info();
      case 'exec':
        return this.#run(request, signal);
      case 'read':
        return this.#read(request.path, request.offset);
      case 'write':
        return this.#write(request.path, Buffer.from(request.content, 'base64'), request.append);
    }
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    try {
      await this.#execute({ execute: 'guest-ping' });
      // One that refuses this is there all the same.
      const interfaces = interfacesOf(await this.#asked('guest-network-get-interfaces'));
      this.#become({ agent: 'answers', addresses: addressesOf(interfaces) });
    } catch {
      this.#become(SILENT);
    } finally {
      this.#isLooking = false;
      this.#lookedAt = this.#ports.clock.elapsed();
    }
  }

  #become(status: GuestStatus): void {
    const before = this.#status;
    this.#status = status;
    const isSame = before.agent === status.agent && before.addresses.join() === status.addresses.join();
    if (!isSame) this.#ports.changed();
  }

  async #ping(): Promise<GuestAnswer> {
    await this.#execute({ execute: 'guest-ping' });
    return { version: versionOf(await this.#asked('guest-info')) };
  }

  async #info(): Promise<GuestAnswer> {
    await this.#execute({ execute: 'guest-ping' });
    return {
      version: versionOf(await this.#asked('guest-info')),
      hostName: hostNameOf(await this.#asked('guest-get-host-name')),
      os: osOf(await this.#asked('guest-get-osinfo')),
      interfaces: interfacesOf(await this.#asked('guest-network-get-interfaces')).map(
        ({ addresses, mac, name }) => ({ name, mac, addresses: [...addresses] }),
      ),
    };
  }

  /** Undefined where the agent does not do that, which its administrator may have decided. */
  async #asked(execute: string): Promise<unknown> {
    return this.#execute({ execute }).catch((thrown: unknown) => {
      if (thrown instanceof PxenError && thrown.code === 'WORKLOAD_FAILED') return undefined;
      throw thrown;
    });
  }

  async #run(request: Extract<GuestRequest, { ask: 'exec' }>, signal: AbortSignal): Promise<GuestAnswer> {
    const { args, env, input, path, timeoutSeconds } = request;
    const { clock } = this.#ports;
    const deadline = clock.elapsed() + timeoutSeconds * 1000;
    const given = { path, arg: args, 'capture-output': true, ...(env.length > 0 && { env }) };
    const started = await this.#execute({
      execute: 'guest-exec',
      arguments: input === undefined ? given : { ...given, 'input-data': input },
      signal,
    });
    const pid = this.#sure(pidOf(started), 'guest-exec');
    for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      const execution = await this.#execution(pid, signal);
      if (execution.exited) return endOf(execution);
      if (clock.elapsed() >= deadline) return {};
      await new Promise<void>(resolve => clock.after(pause, resolve));
    }
  }

  async #execution(pid: number, signal: AbortSignal): Promise<GuestExecution> {
    const command = { execute: 'guest-exec-status', arguments: { pid }, signal };
    const answer = await this.#execute({ ...command, longest: LONGEST_EXECUTION });
    return this.#sure(executionOf(answer), command.execute);
  }

  async #read(path: string, offset: number): Promise<GuestAnswer> {
    return this.#withFile(path, 'r', async handle => {
      if (offset > 0)
        await this.#execute({ execute: 'guest-file-seek', arguments: { handle, offset, whence: 0 } });
      const pieces: Buffer[] = [];
      let [size, isEnd] = [0, false];
      while (!isEnd && size < MOST_GUEST_BYTES) {
        const piece = await this.#piece(handle, Math.min(PIECE, MOST_GUEST_BYTES - size));
        pieces.push(piece.bytes);
        size += piece.bytes.length;
        isEnd = piece.isEnd;
      }
      return { content: Buffer.concat(pieces).toString('base64'), truncated: !isEnd };
    });
  }

  async #piece(handle: number, count: number): Promise<{ bytes: Buffer; isEnd: boolean }> {
    const command = { execute: 'guest-file-read', arguments: { handle, count } };
    const { content, end } = this.#sure(pieceOf(await this.#execute(command)), command.execute);
    const bytes = Buffer.from(content, 'base64').subarray(0, count);
    return { bytes, isEnd: end || bytes.length === 0 };
  }

  async #write(path: string, bytes: Buffer, append: boolean): Promise<GuestAnswer> {
    return this.#withFile(path, append ? 'a' : 'w', async handle => {
      for (let at = 0; at < bytes.length; ) {
        const piece = bytes.subarray(at, at + PIECE).toString('base64');
        const command = { execute: 'guest-file-write', arguments: { handle, 'buf-b64': piece } };
        const count = this.#sure(countOf(await this.#execute(command)), command.execute);
        if (count <= 0)
          throw this.#failed(`its guest agent wrote only ${formatBytes(at)} of ${formatBytes(bytes.length)}`);
        at += count;
      }
      return { written: bytes.length };
    });
  }

  /** The guest writes what it has kept when the file is closed, so that may fail too. */
  async #withFile(
    path: string,
    mode: string,
    work: (handle: number) => Promise<GuestAnswer>,
  ): Promise<GuestAnswer> {
    const opened = await this.#execute({ execute: 'guest-file-open', arguments: { path, mode } });
    const handle = this.#sure(handleOf(opened), 'guest-file-open');
    const close = (): Promise<unknown> =>
      this.#execute({ execute: 'guest-file-close', arguments: { handle } });
    let answer: GuestAnswer;
    try {
      answer = await work(handle);
    } catch (thrown) {
      // Whoever waits need not wait for an agent that hangs once more.
      void close().catch(() => {});
      throw thrown;
    }
    await close();
    return answer;
  }

  #execute(command: GuestCommand): Promise<unknown> {
    return this.#ports.commands.execute(command);
  }

  #sure<T>(value: T | undefined, command: string): T {
    if (value !== undefined) return value;
    throw this.#failed(`its guest agent answered ${command} in an unknown form`);
  }

  #failed(what: string): PxenError {
    return new PxenError('WORKLOAD_FAILED', `${this.#ports.name}: ${what}`);
  }
}

function endOf(execution: Extract<GuestExecution, { exited: true }>): GuestAnswer {
  const { exitCode, signal } = execution;
  const [output, errors] = [kept(execution.output), kept(execution.errors)];
  return {
    ...(signal === undefined ? { exitCode: exitCode ?? 0 } : { signal }),
    output: output.base64,
    errors: errors.base64,
    truncated: execution.truncated || output.isCut || errors.isCut,
  };
}

/** The beginning. */
function kept(base64: string): { readonly base64: string; readonly isCut: boolean } {
  const bytes = Buffer.from(base64, 'base64');
  return {
    base64: bytes.subarray(0, MOST_GUEST_BYTES).toString('base64'),
    isCut: bytes.length > MOST_GUEST_BYTES,
  };
}
