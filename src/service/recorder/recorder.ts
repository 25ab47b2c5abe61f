import { forgetOldest } from '../../base/forgetting.ts';
import { type Ipv4, ipv4ToNumber } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import type { OpenUdp, UdpPeer, UdpSocket } from '../../base/ports.ts';
import { encodePcapng } from '../../wire/pcap/pcapng.ts';
import type { Transfer } from './datagrams.ts';
import { cardNumber, peek } from './dhcp-peek.ts';
import { type HttpExchange, masked } from './exchange.ts';
import { packetsOf } from './render.ts';
import { Shelf } from './shelf.ts';

export interface RecorderParts {
  /** Of the interface that the machines are on. */
  readonly mac: Mac;
  readonly interface: string;
  readonly address: Ipv4;
  /** Microseconds since the epoch. */
  readonly microseconds: () => number;
  readonly version: string;
}

/** Which machine, and from when on (milliseconds since the epoch). */
export interface CaptureRequest {
  readonly id: string;
  readonly macs: readonly Mac[];
  readonly addresses: readonly Ipv4[];
  readonly since: number;
}

/** All machines together, bytes. */
const MOST_BYTES = 64 * 1024 * 1024;
/** Forged cards must not grow the tables. */
const MOST_MACHINES = 4096;
/** Moving a shelf to the end of the queue costs more than all the rest; microseconds. */
const TOUCH_EVERY = 1_000_000;
/** A boot begins with the DISCOVER that its registry entry was made for, a moment after it was received. Milliseconds. */
const SLACK = 1000;

/**
 * Keeps what pxend itself received and sent while each machine booted: DHCP and TFTP datagrams whole, heads of HTTP
 * requests. In memory only: a restart of pxend forgets it (the timeline is durable, this is for a closer look).
 */
export class Recorder {
  readonly #parts: RecorderParts;
  /** By card; by address where no card is known. The one heard longest ago comes first. */
  readonly #shelves = new Map<Key, Shelf>();
  /** The card that an address, as a number, was given to. */
  readonly #cards = new Map<number, number>();
  /** At least what is in memory; counted anew when it is too much. */
  #bytes = 0;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
  }

  /** The opener, with every datagram of its sockets recorded. */
  tapped(kind: 'dhcp' | 'tftp', open: OpenUdp): OpenUdp {
    return async options => {
      const tape = kind === 'dhcp' ? this.#dhcpTape() : this.#tftpTape(options.peer);
      const socket: UdpSocket = await open({
        ...options,
        onDatagram: (bytes, from) => {
          tape.record(socket.local, from, false, bytes);
          options.onDatagram(bytes, from);
        },
      });
      return {
        local: socket.local,
        send: (bytes, to) => {
          const remote = to ?? options.peer;
          if (remote) tape.record(socket.local, remote, true, bytes);
          socket.send(bytes, to);
        },
        sendAll: (datagrams, to) => {
          const remote = to ?? options.peer;
          if (remote) for (const bytes of datagrams) tape.record(socket.local, remote, true, bytes);
          socket.sendAll(datagrams, to);
        },
        close: () => {
          tape.end();
          return socket.close();
        },
      };
    };
  }

  /** An HTTP request that has just ended. `isReport`: an agent's report, of which there is no end. */
  observed(exchange: Omit<HttpExchange, 'endedAt'>, isReport: boolean): void {
    const { remote, request } = exchange;
    const endedAt = this.#parts.microseconds();
    const kept = { ...exchange, request: masked(request), endedAt };
    const shelf = this.#shelf(this.#keyOf(remote.address), endedAt);
    this.#grown(shelf.add(kept, isReport));
  }

  /** A pcapng file; undefined when nothing was recorded since then. */
  capture({ id, macs, addresses, since }: CaptureRequest): Uint8Array | undefined {
    const packets = [...macs.map(cardNumber), ...addresses].flatMap((key: Key) => {
      const shelf = this.#shelves.get(key);
      return shelf ? packetsOf(shelf, { own: this.#parts, card: macs[0] }) : [];
    });
    const recent = packets.filter(packet => packet.at >= (since - SLACK) * 1000).sort((a, b) => a.at - b.at);
    if (recent.length === 0) return undefined;
    const { version } = this.#parts;
    return encodePcapng({
      application: `pxen ${version}`,
      comment: `Last boot of machine ${id}, as pxend received and sent it. The payloads are real; Ethernet, IP, UDP and TCP headers are made up from what pxend knows.`,
      interface: this.#parts.interface,
      packets: recent,
    });
  }

  usage(): { machines: number; bytes: number } {
    let bytes = 0;
    for (const shelf of this.#shelves.values()) bytes += shelf.bytes;
    return { machines: this.#shelves.size, bytes };
  }

  #dhcpTape(): Tape {
    return {
      record: (local, remote, outgoing, payload) => {
        const seen = peek(payload);
        if (!seen) return;
        if (outgoing && seen.gives !== 0) this.#learn(seen.gives, seen.card);
        const at = this.#parts.microseconds();
        const shelf = this.#shelf(seen.card, at);
        if (!outgoing) shelf.heardDhcp(seen.boots);
        this.#grown(shelf.conversation('dhcp', 'dhcp').keep(at, outgoing, local, remote, payload));
      },
      end: () => {},
    };
  }

  #tftpTape(peer: UdpPeer | undefined): Tape {
    return peer ? this.#transferTape() : this.#listenerTape();
  }

  /** The socket of all requests, and in single-port mode of all transfers. */
  #listenerTape(): Tape {
    return {
      record: (local, remote, outgoing, payload) => {
        const at = this.#parts.microseconds();
        const shelf = this.#shelf(this.#keyOf(remote.address), at);
        const all = shelf.conversation(`${local.port} ${remote.port}`, 'tftp');
        this.#grown(all.add(at, outgoing, local, remote, payload));
      },
      end: () => {},
    };
  }

  /** A transfer with a socket of its own: what it belongs to is looked up once, and what it sends is of files in memory, which stay as they are. */
  #transferTape(): Tape {
    let own: Transfer | undefined;
    return {
      record: (local, remote, outgoing, payload) => {
        const at = this.#parts.microseconds();
        own ??= this.#shelf(this.#keyOf(remote.address), at).transfer(local, remote);
        own.add(at, outgoing, payload);
      },
      end: () => {
        if (own) this.#grown(own.settle());
      },
    };
  }

  #keyOf(address: Ipv4): Key {
    return this.#cards.get(ipv4ToNumber(address)) ?? address;
  }

  #learn(address: number, card: number): void {
    if (this.#cards.get(address) === card) return;
    this.#cards.delete(address);
    this.#cards.set(address, card);
    forgetOldest(this.#cards, MOST_MACHINES);
  }

  #shelf(key: Key, at: number): Shelf {
    const known = this.#shelves.get(key);
    if (known && at - known.touchedAt < TOUCH_EVERY) return known;
    const shelf = known ?? new Shelf();
    shelf.touchedAt = at;
    this.#shelves.delete(key);
    this.#shelves.set(key, shelf);
    forgetOldest(this.#shelves, MOST_MACHINES);
    return shelf;
  }

  #grown(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > MOST_BYTES) this.#makeRoom();
  }

  /** An eighth at once: counting takes a while. */
  #makeRoom(): void {
    this.#bytes = this.usage().bytes;
    for (const [key, shelf] of this.#shelves) {
      if (this.#bytes <= MOST_BYTES * 0.875) return;
      this.#bytes -= shelf.bytes;
      this.#shelves.delete(key);
    }
  }
}

/** A card as a number, or an address. */
type Key = number | Ipv4;

/** Takes down what goes over one socket. */
interface Tape {
  record(local: UdpPeer, remote: UdpPeer, outgoing: boolean, payload: Uint8Array): void;
  /** The socket is closed. */
  end(): void;
}
