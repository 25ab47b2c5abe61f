import type { CtlLine } from '../api/ctl.ts';
import { errorBody } from '../api/error.ts';
import { asPxenError } from '../base/error.ts';
import type { Log } from '../base/ports.ts';
import { type CtlTarget, type RunRemote, reachable } from '../domain/node/remote.ts';

export interface CtlOptions {
  /** For each node, connecting included. */
  readonly timeoutSeconds: number;
  /** Aborted when the caller is gone: connections are closed, further nodes not started. */
  readonly signal?: AbortSignal | undefined;
}

/** More would need more sockets and CPU for SSH handshakes than they save time. */
const AT_ONCE = 16;

/** Commands on nodes by SSH. */
export class Remote {
  readonly #run: RunRemote;
  readonly #log: Log;

  constructor(ports: { run: RunRemote; log: Log }) {
    this.#run = ports.run;
    this.#log = ports.log;
  }

  /** Resolves when every node has had its last line, `exit` or `error`. Never rejects because of a node. */
  async ctl(
    targets: readonly CtlTarget[],
    command: string,
    onLine: (line: CtlLine) => void | Promise<void>,
    options: CtlOptions,
  ): Promise<void> {
    const waiting = [...targets];
    const signal = options.signal ?? new AbortController().signal;
    const worker = async (): Promise<void> => {
      for (let target = waiting.shift(); target && !signal.aborted; target = waiting.shift()) {
        await this.#one(target, command, onLine, { timeoutSeconds: options.timeoutSeconds, signal });
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, targets.length) }, worker));
  }

  async #one(
    target: CtlTarget,
    command: string,
    onLine: (line: CtlLine) => void | Promise<void>,
    options: { timeoutSeconds: number; signal: AbortSignal },
  ): Promise<void> {
    const { node } = target;
    try {
      const { address, hostKey } = reachable(target);
      const end = await this.#run({
        address,
        hostKey,
        command,
        timeout: options.timeoutSeconds * 1000,
        signal: options.signal,
        onOutput: (stream, data) => onLine({ node, stream, data }),
      });
      this.#log.info('remote', 'command ended', { node, exit: end.exit ?? undefined, signal: end.signal });
      await onLine({
        node,
        exit: end.exit,
        ...(end.signal === undefined ? {} : { signal: end.signal }),
      });
    } catch (thrown) {
      const error = asPxenError(thrown);
      this.#log.warn('remote', error.message, { node, code: error.code });
      await onLine({ node, error: errorBody(error).error });
    }
  }
}
