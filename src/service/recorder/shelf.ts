import type { UdpPeer } from '../../base/ports.ts';
import { Conversation, DHCP, type Recorded, TRANSFER, Transfer } from './datagrams.ts';
import { Excerpt } from './excerpt.ts';
import type { HttpExchange } from './exchange.ts';

/** A boot makes about ten; a node that downloads all day must not push its boot out. */
const EXCHANGES = { head: 96, tail: 32 };
/** Agents report for ever; the first reports belong to the boot. */
const REPORTS = 3;
/** Bytes of one machine; a boot by TFTP alone makes about 300 KB. */
const MOST_BYTES = 1024 * 1024;
/** What an exchange costs besides its text. */
const OVERHEAD = 200;

/** What was recorded of one machine. */
export class Shelf {
  readonly conversations = new Map<string, Recorded>();
  /** When it was last put at the end of the queue, microseconds since the epoch. */
  touchedAt = 0;
  #exchanges = new Excerpt<HttpExchange>(EXCHANGES);
  #exchangeBytes = 0;
  #reports = 0;
  #sawSystem = false;

  get exchanges(): Excerpt<HttpExchange> {
    return this.#exchanges;
  }

  get bytes(): number {
    let sum = this.#exchangeBytes;
    for (const { bytes } of this.conversations.values()) sum += bytes;
    return sum;
  }

  /** A DHCP message of firmware or iPXE after one of a running system: another boot begins, and the one before is forgotten. */
  heardDhcp(boots: boolean): void {
    if (boots && this.#sawSystem) this.#clear();
    if (!boots) this.#sawSystem = true;
  }

  conversation(key: string, kind: 'dhcp' | 'tftp'): Conversation {
    const known = this.conversations.get(key);
    if (known instanceof Conversation) return known;
    const made = new Conversation(kind === 'dhcp' ? DHCP : TRANSFER);
    this.#keep(key, made);
    return made;
  }

  transfer(local: UdpPeer, remote: UdpPeer): Transfer {
    const made = new Transfer(local, remote);
    this.#keep(`${local.port} ${remote.address} ${remote.port}`, made);
    return made;
  }

  #keep(key: string, made: Recorded): void {
    this.conversations.delete(key);
    this.conversations.set(key, made);
    if (this.bytes > MOST_BYTES) this.#dropOldest(key);
  }

  /** Returns how many bytes of memory it took. */
  add(exchange: HttpExchange, isReport: boolean): number {
    if (isReport && this.#reports++ >= REPORTS) return 0;
    if (isReport) this.#sawSystem = true;
    const size = (e: HttpExchange): number => 2 * (e.request.length + e.response.length) + OVERHEAD;
    const dropped = this.#exchanges.oldest();
    this.#exchanges.add(exchange);
    const more = size(exchange) - (dropped ? size(dropped) : 0);
    this.#exchangeBytes += more;
    return more;
  }

  /** Never the DHCP messages, which are few, nor the one that is being opened. */
  #dropOldest(spared: string): void {
    for (const key of this.conversations.keys()) {
      if (key === 'dhcp' || key === spared) continue;
      this.conversations.delete(key);
      if (this.bytes <= MOST_BYTES) return;
    }
  }

  #clear(): void {
    this.conversations.clear();
    this.#exchanges = new Excerpt(EXCHANGES);
    this.#exchangeBytes = 0;
    this.#reports = 0;
    this.#sawSystem = false;
  }
}
