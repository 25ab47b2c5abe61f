import { concat } from '../../base/bytes.ts';
import { quote } from '../../base/diagnostic.ts';
import { LineSplitter } from './lines.ts';
import { decodeMessage, encodeCommand, type QmpMessage } from './message.ts';

/** What whoever owns the channel shall know. */
export type GuestAction =
  /** The guest agent answers, and what it says from now on belongs to what it is asked from now on. */
  | { readonly kind: 'synchronized' }
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly class: string; readonly desc: string }
  /** Nothing that comes is read any more. One sentence. */
  | { readonly kind: 'broken'; readonly reason: string };

/** Bytes. The longest ordinary answer is a piece of a file, some 130 KiB. */
export const LONGEST_ANSWER = 256 * 1024;

/** Bytes beside the answer: what is left of earlier ones, and answers to nobody. */
const MOST_BESIDE = 1024 * 1024;

/** Never a byte of UTF-8: it ends whatever the other side has read so far (qemu/docs/interop/qemu-ga-ref). */
const DELIMITER = 0xff;

type State = 'idle' | 'synchronizing' | 'waiting' | 'broken';

/**
 * Our side of the channel to a QEMU guest agent, without the channel: bytes in, actions out. It is QMP without greeting
 * and events, and one command at a time. Nobody tells when the agent in the guest comes, goes, or is another one, and old
 * answers may still be on their way: `synchronize` finds out, and passes over all that is older.
 */
export class GuestSession {
  readonly #lines = new LineSplitter(LONGEST_ANSWER);
  #state: State = 'idle';
  #id: number;
  /** Bytes that may still come until there is an answer: a guest that sends without end is not read without end. */
  #left = 0;

  /** `firstId`: another one than those of earlier sessions with this guest. */
  constructor(firstId: number) {
    this.#id = firstId;
  }

  /** What to send to find out whether the agent answers: a `synchronized` follows when it does. */
  synchronize(): Uint8Array {
    const id = this.#begin('synchronizing', LONGEST_ANSWER);
    const command = encodeCommand({ execute: 'guest-sync-delimited', arguments: { id }, id });
    return concat([Uint8Array.of(DELIMITER), command]);
  }

  /** What to send for a command, to an agent that answers: `returned` or `refused` follows. `longest`: bytes of the answer. */
  command(execute: string, args: object | undefined, longest: number = LONGEST_ANSWER): Uint8Array {
    this.#lines.allow(longest);
    return encodeCommand({ execute, arguments: args, id: this.#begin('waiting', longest) });
  }

  /** The answer is not waited for any more. */
  forget(): void {
    if (this.#state !== 'broken') this.#state = 'idle';
  }

  /** What has come from the guest, in pieces of any size. Never throws. */
  feed(bytes: Uint8Array): GuestAction[] {
    if (this.#isBroken()) return [];
    const { lines, tooLong } = this.#lines.feed(bytes);
    const actions: GuestAction[] = [];
    for (const line of lines) {
      if (this.#isBroken()) return actions;
      actions.push(...this.#onLine(line));
    }
    if (this.#isBroken()) return actions;
    this.#left -= bytes.length;
    if (tooLong) actions.push(this.#break('its answer is longer than it may be'));
    else if (this.#isAsked() && this.#left < 0) actions.push(this.#break('it sends much, and no answer'));
    return actions;
  }

  #begin(state: State, longest: number): number {
    this.#state = state;
    this.#left = longest + MOST_BESIDE;
    this.#id += 1;
    return this.#id;
  }

  #isAsked(): boolean {
    return this.#state === 'synchronizing' || this.#state === 'waiting';
  }

  #isBroken(): boolean {
    return this.#state === 'broken';
  }

  #onLine(line: Uint8Array): GuestAction[] {
    if (this.#state === 'synchronizing') return this.#onSync(line);
    if (this.#state !== 'waiting') return [];
    const message = decodeMessage(line);
    return message ? this.#onMessage(message) : [this.#break(`it sent no JSON object: ${shown(line)}`)];
  }

  /** Before the delimiter stands what is left of earlier answers; an answer to another one of ours may come too. */
  #onSync(line: Uint8Array): GuestAction[] {
    const start = line.lastIndexOf(DELIMITER);
    const message = start < 0 ? undefined : decodeMessage(line.subarray(start + 1));
    if (message?.kind !== 'return' || message.value !== this.#id) return [];
    this.#state = 'idle';
    return [{ kind: 'synchronized' }];
  }

  /** Agents before QEMU 4.0 leave the id out. */
  #onMessage(message: QmpMessage): GuestAction[] {
    if (message.kind !== 'return' && message.kind !== 'error') return [];
    if (message.id !== undefined && message.id !== this.#id) return [];
    this.#state = 'idle';
    this.#lines.allow(LONGEST_ANSWER);
    if (message.kind === 'return') return [{ kind: 'returned', value: message.value }];
    return [{ kind: 'refused', class: message.class, desc: message.desc }];
  }

  #break(reason: string): GuestAction {
    this.#state = 'broken';
    return { kind: 'broken', reason };
  }
}

function shown(line: Uint8Array): string {
  return quote(new TextDecoder().decode(line.subarray(0, 400)));
}
