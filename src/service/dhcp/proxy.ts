import { messageOf } from '../../base/error.ts';
import { ANY } from '../../base/ipv4.ts';
import type { Clock, Log, OpenUdp, Service, UdpPeer, UdpSocket } from '../../base/ports.ts';
import type { BootRequest } from '../../domain/boot/classify.ts';
import { decideProxy, PROXY_PORT, type ProxyEar } from '../../domain/boot/decideproxy.ts';
import type { Decision } from '../../domain/boot/decision.ts';
import type { BootPolicy } from '../../domain/boot/policy.ts';
import { RequestGate } from '../../domain/lease/gate.ts';
import type { Sha256 } from '../../domain/machine/genid.ts';
import type { Timeline } from '../../domain/node/timeline.ts';
import { destination, SERVER_PORT } from '../../wire/dhcp4/destination.ts';
import { maxMessageSize } from '../../wire/dhcp4/option-number.ts';
import { encode } from '../../wire/dhcp4/packet.ts';
import { summary } from '../../wire/dhcp4/summary.ts';
import { openOne, openPair, readRequest } from './listen.ts';
import { Sparse } from './sparse.ts';
import { tell } from './telling.ts';

export interface ProxyDependencies {
  readonly openUdp: OpenUdp;
  readonly clock: Clock;
  readonly log: Log;
  readonly timeline: Timeline;
  readonly policy: BootPolicy;
  readonly sha256: Sha256;
  /** Requests a second from one card. */
  readonly perCard: number;
  /** 67 unless told otherwise; clients then listen on the next one. */
  readonly port?: number;
}

/** Cards that may ask at once; there is no pool to go by. */
const CARDS = 4096;

/** Tells machines what to boot while another DHCP server gives them their addresses (PXE 2.1, proxyDHCP). */
export class ProxyDhcpService implements Service {
  readonly name = 'dhcp';
  /** Datagrams since the start, by what became of them. */
  readonly counts = { received: 0, malformed: 0, limited: 0, failed: 0, offer: 0, ack: 0, nak: 0, ignore: 0 };
  readonly #d: ProxyDependencies;
  readonly #port: number;
  readonly #sparse = new Sparse();
  readonly #gate: RequestGate;
  #sockets: readonly UdpSocket[] = [];

  constructor(dependencies: ProxyDependencies) {
    const { perCard, clock } = dependencies;
    this.#d = dependencies;
    this.#port = dependencies.port ?? SERVER_PORT;
    this.#gate = new RequestGate({ perCard, addresses: CARDS }, clock.elapsed());
  }

  async start(): Promise<void> {
    const { log, policy } = this.#d;
    const { address } = policy.server;
    const pair = await openPair(this.#d, address, this.#port, (bytes, from, unicast) =>
      this.#onDatagram(bytes, from, unicast, 'dhcp'),
    );
    this.#sockets = pair;
    const proxy = await openOne(this.#d, address, PROXY_PORT, (bytes, from) =>
      this.#onDatagram(bytes, from, true, 'proxy'),
    );
    this.#sockets = [...pair, proxy];
    log.info('dhcp', `proxy on ${address}:${this.#port} and :${PROXY_PORT}: boot files only, no addresses`);
  }

  async stop(): Promise<void> {
    const sockets = this.#sockets;
    this.#sockets = [];
    await Promise.all(sockets.map(socket => socket.close()));
  }

  health(): string | undefined {
    return undefined;
  }

  /** One datagram in, at most one reply out. Never throws. */
  #onDatagram(bytes: Uint8Array, from: UdpPeer, unicast: boolean, ear: ProxyEar): void {
    if (this.#sockets.length === 0) return;
    this.counts.received++;
    const request = readRequest(bytes, from, unicast, this.#d);
    if (!request) this.counts.malformed++;
    else if (this.#isTooMuch(request)) this.counts.limited++;
    else this.#answer(request, from, ear);
  }

  #isTooMuch({ mac, client }: BootRequest): boolean {
    const { clock, log } = this.#d;
    const limit = this.#gate.refuses(mac, client === 'other', clock.elapsed());
    if (!limit) return false;
    const who = limit === 'card' ? `${mac} sends` : 'unknown network cards send';
    this.#sparse.say(limit, clock.elapsed(), `${who} too many DHCP requests; the rest is dropped`, line =>
      log.warn('dhcp', line),
    );
    return true;
  }

  /** Decide, send, tell. */
  #answer(request: BootRequest, from: UdpPeer, ear: ProxyEar): void {
    const { clock, log, policy } = this.#d;
    const began = clock.now();
    try {
      const decision = decideProxy(request, ear, policy);
      this.#send(request, decision, from, ear);
      this.counts[decision.kind]++;
      const told =
        ear === 'proxy' ? { ...decision, text: `${decision.text}, asked from port ${from.port}` } : decision;
      if (told.stage || request.client !== 'other')
        tell(request, told, { began, now: clock.now() }, { ...this.#d, sparse: this.#sparse });
    } catch (error) {
      this.counts.failed++;
      log.error('dhcp', `no answer to ${summary(request.packet)}: ${messageOf(error)}`);
    }
  }

  /**
   * What came to port 4011 is answered from there, to the port it came from: iPXE asks from 68, EDK2 from 4011
   * (boot-lab section 4). What was broadcast is answered as a DHCP server would.
   */
  #send(request: BootRequest, decision: Decision, from: UdpPeer, ear: ProxyEar): void {
    if (decision.kind === 'ignore') return;
    const [dhcp, , proxy] = this.#sockets;
    const bytes = encode(decision.reply, maxMessageSize(request.packet.options));
    if (ear === 'dhcp') dhcp?.send(bytes, destination(decision.reply, this.#port));
    else if (from.address !== ANY) proxy?.send(bytes, from);
  }
}
