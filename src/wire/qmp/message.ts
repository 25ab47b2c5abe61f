/**
 * Messages of the QEMU Machine Protocol as values (qemu/docs/interop/qmp-spec). On a socket each one is a line of JSON,
 * which ends in CR LF from QEMU and in LF from us.
 */

export interface QmpVersion {
  readonly major: number;
  readonly minor: number;
  readonly micro: number;
  /** What the distribution made of it: `Debian 1:7.2+dfsg-7`; often empty. */
  readonly package: string;
}

export interface QmpEvent {
  /** `SHUTDOWN`, `STOP`, ... */
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Milliseconds since the epoch by the clock of QEMU's host; absent when QEMU could not tell the time. */
  readonly at: number | undefined;
}

export type QmpMessage =
  | { readonly kind: 'greeting'; readonly version: QmpVersion }
  | { readonly kind: 'return'; readonly id: unknown; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: unknown; readonly class: string; readonly desc: string }
  | { readonly kind: 'event'; readonly event: QmpEvent }
  /** An object of some later version of the protocol. */
  | { readonly kind: 'unknown' };

export interface QmpCommand {
  readonly execute: string;
  readonly arguments?: object | undefined;
  /** Comes back with the answer. Absent: nothing does. */
  readonly id?: number | undefined;
}

export function encodeCommand(command: QmpCommand): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(command)}\n`);
}

/** The message of a line, or undefined when it is no JSON object in UTF-8. Never throws. */
export function decodeMessage(line: Uint8Array): QmpMessage | undefined {
  const value = parseJson(line);
  if (!isObject(value)) return undefined;
  if (isObject(value['QMP'])) return { kind: 'greeting', version: versionOf(value['QMP']) };
  if ('return' in value) return { kind: 'return', id: value['id'], value: value['return'] };
  if (isObject(value['error'])) return errorOf(value['error'], value['id']);
  if (typeof value['event'] === 'string') return { kind: 'event', event: eventOf(value['event'], value) };
  return { kind: 'unknown' };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function parseJson(line: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(line));
  } catch {
    return undefined;
  }
}

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function member(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}

function versionOf(greeting: Json): QmpVersion {
  const version = member(greeting, 'version');
  const qemu = member(version, 'qemu');
  const number = (name: string): number => numberOf(member(qemu, name)) ?? 0;
  return {
    major: number('major'),
    minor: number('minor'),
    micro: number('micro'),
    package: textOf(member(version, 'package')),
  };
}

function errorOf(error: Json, id: unknown): QmpMessage {
  return { kind: 'error', id, class: textOf(error['class']), desc: textOf(error['desc']) };
}

function eventOf(name: string, message: Json): QmpEvent {
  const data = message['data'];
  const seconds = numberOf(member(message['timestamp'], 'seconds'));
  const microseconds = numberOf(member(message['timestamp'], 'microseconds'));
  // The specification: both are -1 when the host's time cannot be had.
  const known = seconds !== undefined && microseconds !== undefined && seconds >= 0;
  return {
    name,
    data: isObject(data) ? data : {},
    at: known ? seconds * 1000 + Math.floor(microseconds / 1000) : undefined,
  };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
