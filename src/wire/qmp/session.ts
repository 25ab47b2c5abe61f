import { quote } from '../../base/diagnostic.ts';
import { LineSplitter } from './lines.ts';
import { decodeMessage, encodeCommand, type QmpEvent, type QmpMessage, type QmpVersion } from './message.ts';

/** What whoever owns the connection shall do. */
export type QmpAction =
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  /** The handshake is over; commands may go out. */
  | { readonly kind: 'ready'; readonly version: QmpVersion }
  | { readonly kind: 'returned'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'refused'; readonly id: number; readonly class: string; readonly desc: string }
  | { readonly kind: 'event'; readonly event: QmpEvent }
  /** The other side does not speak QMP; nothing that it sends is read any more. One sentence. */
  | { readonly kind: 'broken'; readonly reason: string };

/** Bytes. The longest answers, such as that of query-qmp-schema, have some 200 KiB. */
export const LONGEST_LINE = 1024 * 1024;

/**
 * Our side of one QMP connection, without the connection: bytes in, actions out. It greets by itself; answers are told
 * by the id of their command, whatever order they come in; answers to no command of ours and messages of an unknown kind
 * are passed over.
 */
export class QmpSession {
  readonly #lines = new LineSplitter(LONGEST_LINE);
  readonly #waiting = new Set<number>();
  #state: 'greeting' | 'negotiating' | 'ready' | 'broken' = 'greeting';
  #version: QmpVersion | undefined;
  #lastId = 0;

  /** What has come from QEMU, in pieces of any size. Never throws. */
  feed(bytes: Uint8Array): QmpAction[] {
    if (this.#state === 'broken') return [];
    const { lines, tooLong } = this.#lines.feed(bytes);
    const actions: QmpAction[] = [];
    for (const line of lines) {
      if (this.#isBroken()) return actions;
      actions.push(...this.#onLine(line));
    }
    if (tooLong && !this.#isBroken())
      actions.push(this.#break(`it sent a line of more than ${LONGEST_LINE} bytes`));
    return actions;
  }

  /** The bytes to send for a command; its answer comes with this id. */
  command(execute: string, args?: object): { readonly id: number; readonly bytes: Uint8Array } {
    this.#lastId += 1;
    this.#waiting.add(this.#lastId);
    return { id: this.#lastId, bytes: encodeCommand({ execute, arguments: args, id: this.#lastId }) };
  }

  /** Nobody wants the answer any more. */
  forget(id: number): void {
    this.#waiting.delete(id);
  }

  #isBroken(): boolean {
    return this.#state === 'broken';
  }

  #onLine(line: Uint8Array): QmpAction[] {
    const message = decodeMessage(line);
    if (message) return this.#onMessage(message);
    return isBlank(line) ? [] : [this.#break(`it sent what is no JSON object: ${shown(line)}`)];
  }

  #onMessage(message: QmpMessage): QmpAction[] {
    switch (message.kind) {
      case 'greeting':
        return this.#onGreeting(message.version);
      case 'return':
        return this.#isHandshake(message.id)
          ? this.#onReady()
          : this.#onAnswer(message.id, id => ({ kind: 'returned', id, value: message.value }));
      case 'error':
        return this.#isHandshake(message.id)
          ? [this.#break(`it refused qmp_capabilities: ${message.desc}`)]
          : this.#onAnswer(message.id, id => ({
              kind: 'refused',
              id,
              class: message.class,
              desc: message.desc,
            }));
      case 'event':
        return [{ kind: 'event', event: message.event }];
      case 'unknown':
        return [];
    }
  }

  /**
   * Nothing but qmp_capabilities is taken before it has been sent. Without an id, because StratoVirt 0.2.0 refuses one
   * in it; what comes back without an id is its answer.
   */
  #onGreeting(version: QmpVersion): QmpAction[] {
    if (this.#state !== 'greeting') return [];
    this.#state = 'negotiating';
    this.#version = version;
    return [{ kind: 'send', bytes: encodeCommand({ execute: 'qmp_capabilities' }) }];
  }

  #isHandshake(id: unknown): boolean {
    return this.#state === 'negotiating' && id === undefined;
  }

  #onReady(): QmpAction[] {
    if (!this.#version) return [];
    this.#state = 'ready';
    return [{ kind: 'ready', version: this.#version }];
  }

  #onAnswer(id: unknown, action: (id: number) => QmpAction): QmpAction[] {
    return typeof id === 'number' && this.#waiting.delete(id) ? [action(id)] : [];
  }

  #break(reason: string): QmpAction {
    this.#state = 'broken';
    return { kind: 'broken', reason };
  }
}

/** Space, tab and CR. */
function isBlank(line: Uint8Array): boolean {
  return line.every(byte => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

function shown(line: Uint8Array): string {
  return quote(new TextDecoder().decode(line.subarray(0, 400)));
}
