import { spawn } from 'node:child_process';
import { createConnection } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import { messageOf, PxenError } from '../base/error.ts';
import type { HostShell, ShellEnd, ShellOptions, ShellSocket } from '../domain/node/shell.ts';
import { exec } from './exec.ts';

/** Bytes kept of an output: what 500 domains say of themselves. */
const MOST_OUTPUT = 16 * 1024 * 1024;
/** Milliseconds for a connection within this computer. */
const PATIENCE = 5000;

/** The command line and the sockets of this very computer. */
export class LocalShell implements HostShell {
  async run(argv: readonly string[], { input, signal, timeout }: ShellOptions): Promise<ShellEnd> {
    const [program = '', ...args] = argv;
    const end = await exec(program, args, {
      ...{ timeout, maxOutput: MOST_OUTPUT },
      ...(input === undefined ? {} : { input }),
      ...(signal ? { signal } : {}),
    });
    if (end.failure)
      throw new PxenError('NODE_UNREACHABLE', `${program} cannot be started: ${end.failure.message}`);
    if (end.timedOut) throw new PxenError('TIMEOUT', `${program} did not end within ${timeout / 1000} s`);
    return end;
  }

  async follow(argv: readonly string[], signal: AbortSignal): Promise<Readable> {
    const [program = '', ...args] = argv;
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], signal });
    // Also that it was aborted: then whoever reads has gone.
    child.on('error', () => {});
    child.stdout.once('close', () => child.kill('SIGKILL'));
    return child.stdout;
  }

  connect(to: ShellSocket, signal: AbortSignal): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const socket = createConnection('port' in to ? { ...to, host: '127.0.0.1', noDelay: true } : to);
      const refuse = (reason: string): void => {
        socket.destroy();
        reject(new PxenError('WORKLOAD_FAILED', `${placeOf(to)} does not answer: ${reason}`));
      };
      const abort = (): void => void socket.destroy();
      signal.addEventListener('abort', abort, { once: true });
      socket.once('close', () => signal.removeEventListener('abort', abort));
      socket.setTimeout(PATIENCE, () => refuse(`no connection within ${PATIENCE / 1000} s`));
      socket.once('error', error => refuse(messageOf(error)));
      socket.once('connect', () => {
        socket.setTimeout(0);
        resolve(socket);
      });
    });
  }

  close(): void {
    // Nothing is kept open.
  }
}

/** For people. */
export function placeOf(to: ShellSocket): string {
  return 'port' in to ? `port ${to.port}` : to.path;
}
