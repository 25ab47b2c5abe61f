import { formatBytes } from '../../base/bytes.ts';
import { ANY, BROADCAST, type Ipv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import { type Station, TCP, tcpFrame, udpFrame } from '../../wire/pcap/frame.ts';
import type { CapturedPacket } from '../../wire/pcap/pcapng.ts';
import type { Datagram, Recorded } from './datagrams.ts';
import type { HttpExchange } from './exchange.ts';
import type { Shelf } from './shelf.ts';

export interface RenderNames {
  readonly own: { readonly mac: Mac; readonly address: Ipv4 };
  /** The machine's card, where it is known. */
  readonly card: Mac | undefined;
}

const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff' as Mac;
/** Locally administered: stands for a card that pxend never heard the address of. */
const UNKNOWN_MAC = '02:00:00:00:00:01' as Mac;

/** Everything that was recorded of a machine as packets, in no particular order. */
export function packetsOf(shelf: Shelf, names: RenderNames): CapturedPacket[] {
  const datagrams = [...shelf.conversations.values()].flatMap(each => conversationPackets(each, names));
  return [...datagrams, ...exchangePackets(shelf, names)];
}

function conversationPackets(conversation: Recorded, names: RenderNames): CapturedPacket[] {
  const { head, omitted, omittedBytes, tail } = conversation;
  const last = tail.map((datagram, index) => {
    const comment =
      omitted > 0 && index === 0
        ? `${omitted} datagrams before this one, ${formatBytes(omittedBytes)}, were left out`
        : undefined;
    return datagramPacket(datagram, names, comment);
  });
  return [...head.map(datagram => datagramPacket(datagram, names, undefined)), ...last];
}

function datagramPacket(datagram: Datagram, names: RenderNames, comment: string | undefined): CapturedPacket {
  const { at, outgoing, payload } = datagram;
  const [from, to] = stationsOf(datagram, names);
  const frame = udpFrame(outgoing ? { from, to, payload } : { from: to, to: from, payload });
  return { at, frame, ...(comment === undefined ? {} : { comment }) };
}

/** Ours and the machine's. A machine without an address yet speaks to everybody, and so does pxend to it. */
function stationsOf({ local, remote, outgoing }: Datagram, { own, card }: RenderNames): [Station, Station] {
  const mac = card ?? UNKNOWN_MAC;
  const toAll = remote.address === BROADCAST;
  const fromNobody = !outgoing && remote.address === ANY;
  const ours: Station = fromNobody
    ? { mac: BROADCAST_MAC, address: BROADCAST, port: local.port }
    : { mac: own.mac, address: local.address === ANY ? own.address : local.address, port: local.port };
  return [ours, { mac: toAll ? BROADCAST_MAC : mac, address: remote.address, port: remote.port }];
}

/** By connection: each begins with a handshake and ends with a farewell that pxend did not see, so that the streams read well. */
function exchangePackets(shelf: Shelf, names: RenderNames): CapturedPacket[] {
  const { head, omitted, tail } = shelf.exchanges;
  const notes = new Map<HttpExchange, string>();
  const [first] = tail;
  if (first && omitted > 0) notes.set(first, `${omitted} HTTP requests before this one were left out`);
  const connections = Map.groupBy([...head, ...tail], each => `${each.remote.address} ${each.remote.port}`);
  return [...connections.values()].flatMap(exchanges => connectionPackets(exchanges, notes, names));
}

function connectionPackets(
  exchanges: readonly HttpExchange[],
  notes: ReadonlyMap<HttpExchange, string>,
  names: RenderNames,
): CapturedPacket[] {
  const [first] = exchanges;
  const last = exchanges.at(-1);
  if (!first || !last) return [];
  const stream = new TcpStream(
    { ...first.remote, mac: names.card ?? UNKNOWN_MAC },
    { ...first.local, mac: names.own.mac },
  );
  stream.send(
    'machine',
    first.at - 3,
    TCP.syn,
    '',
    'TCP handshake, acknowledgements and farewell are made up',
  );
  stream.send('host0', first.at - 2, TCP.syn | TCP.ack);
  stream.send('machine', first.at - 1, TCP.ack);
  for (const exchange of exchanges) {
    stream.send('machine', exchange.at, TCP.push | TCP.ack, exchange.request, notes.get(exchange));
    stream.send('host0', exchange.endedAt, TCP.push | TCP.ack, exchange.response, bodyNote(exchange));
    stream.send('machine', exchange.endedAt + 1, TCP.ack);
  }
  stream.send('host0', last.endedAt + 2, TCP.fin | TCP.ack);
  stream.send('machine', last.endedAt + 3, TCP.fin | TCP.ack);
  stream.send('host0', last.endedAt + 4, TCP.ack);
  return stream.packets;
}

function bodyNote({ bodyBytes, complete }: HttpExchange): string | undefined {
  if (complete && bodyBytes === 0) return undefined;
  const body = `body of ${bodyBytes} bytes left out; this is the time of its end`;
  return complete ? body : `${body}; the connection broke before it was complete`;
}

/** Keeps the sequence numbers of both sides. */
class TcpStream {
  readonly packets: CapturedPacket[] = [];
  readonly #machine: Station;
  readonly #host0: Station;
  readonly #sent = { machine: 0, host0: 0 };

  constructor(machine: Station, host0: Station) {
    this.#machine = machine;
    this.#host0 = host0;
  }

  send(who: 'machine' | 'host0', at: number, flags: number, text = '', comment?: string): void {
    const payload = new TextEncoder().encode(text);
    const [from, to] = who === 'machine' ? [this.#machine, this.#host0] : [this.#host0, this.#machine];
    const acknowledgement = flags & TCP.ack ? this.#sent[who === 'machine' ? 'host0' : 'machine'] : 0;
    const frame = tcpFrame({ from, to, payload }, { sequence: this.#sent[who], acknowledgement, flags });
    this.packets.push({ at, frame, ...(comment === undefined ? {} : { comment }) });
    // SYN and FIN count as one byte each.
    this.#sent[who] += payload.length + (flags & (TCP.syn | TCP.fin) ? 1 : 0);
  }
}
