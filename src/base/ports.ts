/** What the outside world gives to services, as small interfaces; `io/` implements them, tests pass fakes. */
import type { Ipv4 } from './ipv4.ts';

/** Time as a dependency. */
export interface Clock {
  /** Milliseconds since the Unix epoch: for people, records and whatever must hold after a restart. May be set. */
  now(): number;
  /** Milliseconds since some fixed moment: for time-outs, pauses and durations. Nobody can set it. */
  elapsed(): number;
  /** Calls back once after so many milliseconds; the returned function calls it off. */
  after(milliseconds: number, callback: () => void): () => void;
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** One line per event: the subsystem (`dhcp`, `tftp`, ...), a sentence, and fields such as `node`, `mac`, `stage`. */
export interface Log {
  debug(subsystem: string, message: string, fields?: LogFields): void;
  info(subsystem: string, message: string, fields?: LogFields): void;
  warn(subsystem: string, message: string, fields?: LogFields): void;
  error(subsystem: string, message: string, fields?: LogFields): void;
}

const ignore = (): void => {};

/** A log that keeps quiet. */
export const silentLog: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore };

export interface UdpPeer {
  readonly address: Ipv4;
  readonly port: number;
}

export interface UdpOptions {
  /** Local address; 0.0.0.0 receives broadcasts of every interface. */
  readonly address: Ipv4;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Several sockets may share the port (SO_REUSEADDR). */
  readonly reuse?: boolean;
  /** Sending to broadcast addresses is allowed. */
  readonly broadcast?: boolean;
  /** Kernel receive buffer, bytes. */
  readonly receiveBuffer?: number;
  /** When given, the socket is connected: it hears and addresses this peer alone. */
  readonly peer?: UdpPeer;
  readonly onDatagram: (bytes: Uint8Array, from: UdpPeer) => void;
  /** Errors after opening, such as an ICMP refusal from the peer. */
  readonly onError: (error: Error) => void;
}

export interface UdpSocket {
  readonly local: UdpPeer;
  /** Never throws; a failed send reaches `onError`. `to` is left out on a connected socket. */
  send(bytes: Uint8Array, to?: UdpPeer): void;
  /** Sends one after the other, for protocols that send again what got lost: not every failure reaches `onError`. */
  sendAll(datagrams: readonly Uint8Array[], to?: UdpPeer): void;
  close(): Promise<void>;
}

/** Opens a UDP socket, or rejects with PORT_IN_USE, NO_PERMISSION or ADDRESS_MISSING. */
export type OpenUdp = (options: UdpOptions) => Promise<UdpSocket>;

/** A long-running part. Constructors only assign; `start` acts; `stop` undoes and may be called at any time. */
export interface Service {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Undefined when all is well, else one sentence. */
  health(): string | undefined;
}
