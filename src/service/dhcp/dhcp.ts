import { messageOf, PxenError } from '../../base/error.ts';
import { ANY, type Ipv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import type { Clock, Log, OpenUdp, Service, UdpPeer, UdpSocket } from '../../base/ports.ts';
import type { BootRequest } from '../../domain/boot/classify.ts';
import { decide } from '../../domain/boot/decide.ts';
import type { Decision } from '../../domain/boot/decision.ts';
import { cardOf, subnetOf } from '../../domain/boot/place.ts';
import type { DhcpPolicy } from '../../domain/boot/policy.ts';
import { RequestGate } from '../../domain/lease/gate.ts';
import type { Lease, LeaseStore } from '../../domain/lease/lease.ts';
import type { AddressPool } from '../../domain/lease/pool.ts';
import { type LeaseChange, LeaseTable } from '../../domain/lease/table.ts';
import type { Sha256 } from '../../domain/machine/genid.ts';
import type { Timeline } from '../../domain/node/timeline.ts';
import { destination, SERVER_PORT } from '../../wire/dhcp4/destination.ts';
import { maxMessageSize } from '../../wire/dhcp4/option-number.ts';
import { encode, type Packet } from '../../wire/dhcp4/packet.ts';
import { summary } from '../../wire/dhcp4/summary.ts';
import { ForeignServers } from './foreign.ts';
import { openPair, readRequest } from './listen.ts';
import { OrderlyTasks } from './orderly.ts';
import { SAID_AGAIN_AFTER, Sparse } from './sparse.ts';
import { SteadyTime } from './steadytime.ts';
import { type TellPorts, tell } from './telling.ts';

export interface DhcpDependencies {
  readonly openUdp: OpenUdp;
  readonly clock: Clock;
  readonly log: Log;
  readonly timeline: Timeline;
  readonly leases: LeaseStore;
  readonly policy: DhcpPolicy;
  readonly sha256: Sha256;
  /** Requests a second from one card. */
  readonly perCard: number;
  /** 67 unless told otherwise; clients then listen on the next one. */
  readonly port?: number;
}

/** Requests under way at one time. */
const MOST_REQUESTS = 4096;

/** Answers DHCP on one network, and on others through relays: an address, and what to boot. */
export class DhcpService implements Service {
  readonly name = 'dhcp';
  /** Datagrams since the start, by what became of them. */
  readonly counts = {
    received: 0,
    malformed: 0,
    limited: 0,
    dropped: 0,
    failed: 0,
    offer: 0,
    ack: 0,
    nak: 0,
    ignore: 0,
  };
  readonly #d: DhcpDependencies;
  readonly #port: number;
  readonly #requests = new OrderlyTasks<Mac>(MOST_REQUESTS);
  readonly #sparse = new Sparse();
  readonly #tell: TellPorts;
  readonly #foreign: ForeignServers;
  readonly #poolTroubles = new Map<AddressPool, string>();
  #table: LeaseTable;
  #gate: RequestGate;
  #time: SteadyTime;
  #sockets: readonly UdpSocket[] = [];
  #storeTrouble: string | undefined;
  #flood: { readonly text: string; readonly at: number } | undefined;

  constructor(dependencies: DhcpDependencies) {
    const { clock, policy } = dependencies;
    this.#d = dependencies;
    this.#tell = { ...dependencies, sparse: this.#sparse };
    this.#port = dependencies.port ?? SERVER_PORT;
    this.#foreign = new ForeignServers({
      ...dependencies,
      server: policy.server,
      clientPort: this.#port + 1,
    });
    this.#table = tableOf(policy, []);
    this.#gate = this.#newGate();
    this.#time = new SteadyTime(clock.now(), clock.elapsed());
  }

  async start(): Promise<void> {
    const { leases, log, policy, clock } = this.#d;
    const { address } = policy.server;
    this.#table = tableOf(policy, leases.all());
    this.#gate = this.#newGate();
    this.#time = new SteadyTime(clock.now(), clock.elapsed());
    await this.#warnOfOthers();
    this.#sockets = await openPair(this.#d, address, this.#port, (bytes, from, unicast) =>
      this.#onDatagram(bytes, from, unicast),
    );
    await this.#foreign.start();
    log.info('dhcp', `listening on ${address}:${this.#port}, ${this.#table.size} addresses`);
  }

  /** Stops hearing at once; a lease that is being written still gets its ACK. */
  async stop(): Promise<void> {
    const sockets = this.#sockets;
    this.#sockets = [];
    await this.#foreign.stop();
    await this.#requests.idle();
    await Promise.all(sockets.map(socket => socket.close()));
  }

  health(): string | undefined {
    const now = this.#now();
    const still = [...this.#poolTroubles].filter(([pool]) => !this.#table.hasFree(pool, now));
    return this.#storeTrouble ?? still[0]?.[1] ?? this.#foreign.health() ?? this.#floodTrouble();
  }

  /** The lease that runs on an address now: who speaks from there. */
  leaseAt(address: Ipv4): Lease | undefined {
    return this.#table.leaseAt(address, this.#now());
  }

  /** Addresses of all pools, by whether they are leased now. */
  addresses(): { used: number; free: number } {
    const used = this.#table.leased(this.#now());
    return { used, free: this.#table.size - used };
  }

  /** One datagram in, at most one reply out, in the order of each machine's requests. Never throws. */
  #onDatagram(bytes: Uint8Array, from: UdpPeer, unicast: boolean): void {
    const [sender] = this.#sockets;
    if (!sender) return;
    this.counts.received++;
    const request = readRequest(bytes, from, unicast, this.#d);
    if (!request) this.counts.malformed++;
    else if (this.#isTooMuch(request)) this.counts.limited++;
    else if (!this.#requests.run(request.mac, () => this.#answer(request, sender))) this.counts.dropped++;
  }

  /** Only what may take an address from the pool counts against strangers. */
  #isTooMuch(request: BootRequest): boolean {
    const { clock, log, perCard, policy } = this.#d;
    const now = clock.elapsed();
    const toOther = (request.serverId ?? policy.server.address) !== policy.server.address;
    const takes = request.messageType === 'DISCOVER' || (request.messageType === 'REQUEST' && !toOther);
    const known = !takes || this.#table.knows(cardOf(request, this.#table));
    const limit = this.#gate.refuses(request.mac, known, now);
    if (!limit) return false;
    const text =
      limit === 'card'
        ? `${request.mac} sends more than ${perCard} DHCP requests a second; the rest is dropped`
        : 'more unknown network cards ask for addresses than there can be: a flood? Cards with a lease or a reservation are served';
    this.#flood = { text, at: now };
    this.#sparse.say(limit, now, text, line => log.warn('dhcp', line));
    return true;
  }

  /** Decide, make it durable, send, tell. Undefined when that is done, as it is when nothing must be written first. */
  #answer(request: BootRequest, sender: UdpSocket): Promise<void> | undefined {
    const began = this.#now();
    try {
      const decision = decide(request, { policy: this.#d.policy, leases: this.#table, now: began });
      this.#notice(request, decision);
      const written = decision.change && this.#keep(decision.change);
      if (!written) return this.#finish(request, decision, began, sender);
      return written
        .then(() => this.#finish(request, decision, began, sender))
        .catch(error => this.#fail(request, error));
    } catch (error) {
      return this.#fail(request, error);
    }
  }

  #finish(request: BootRequest, decision: Decision, began: number, sender: UdpSocket): undefined {
    if (decision.kind !== 'ignore')
      this.#send(decision.reply, maxMessageSize(request.packet.options), sender);
    this.counts[decision.kind]++;
    tell(request, decision, { began, now: this.#d.clock.now() }, this.#tell);
  }

  #fail(request: BootRequest, error: unknown): undefined {
    this.counts.failed++;
    this.#d.log.error('dhcp', `no answer to ${summary(request.packet)}: ${messageOf(error)}`);
  }

  /** What a decision says about the network at large. */
  #notice(request: BootRequest, decision: Decision): void {
    const pool = subnetOf(request, this.#d.policy)?.pool;
    if (pool && decision.fault === 'pool') this.#poolTroubles.set(pool, decision.text);
    if (pool && decision.change?.kind === 'offer') this.#poolTroubles.delete(pool);
    const { messageType, serverId, packet } = request;
    if (messageType === 'REQUEST' && serverId && packet.giaddr === ANY) this.#foreign.chosen(serverId);
  }

  /** The table first: another machine's request, decided while this is being written, must not get the same address. */
  #keep(change: LeaseChange): Promise<void> | undefined {
    const { leases } = this.#d;
    this.#table.apply(change);
    if (change.kind === 'bind' || change.kind === 'release')
      return this.#store(() => leases.put(change.lease));
    if (change.kind === 'decline') return this.#store(() => leases.remove(change.mac));
    return undefined;
  }

  async #store(write: () => Promise<void>): Promise<void> {
    try {
      await write();
      this.#storeTrouble = undefined;
    } catch (error) {
      this.#storeTrouble = `leases cannot be written, so none are given: ${messageOf(error)}`;
      throw error;
    }
  }

  #send(reply: Packet, maxSize: number, sender: UdpSocket): void {
    sender.send(encode(reply, maxSize), destination(reply, this.#port));
  }

  /** Milliseconds since the epoch; when somebody has set the clock, all leases are moved with it first. */
  #now(): number {
    const { clock } = this.#d;
    const now = clock.now();
    const jumped = this.#time.jump(now, clock.elapsed());
    if (jumped !== 0) this.#follow(jumped);
    return now;
  }

  #follow(jumped: number): void {
    const { leases, log } = this.#d;
    const way = jumped > 0 ? 'forward' : 'back';
    log.warn(
      'dhcp',
      `the clock was set ${way} by ${Math.abs(jumped) / 1000} s; leases keep their remaining time`,
    );
    const writes = this.#table.shift(jumped).map(lease => this.#store(() => leases.put(lease)));
    Promise.all(writes).catch(error => log.error('dhcp', `moved leases: ${messageOf(error)}`));
  }

  #floodTrouble(): string | undefined {
    const recent = this.#flood && this.#d.clock.elapsed() - this.#flood.at < SAID_AGAIN_AFTER;
    return recent ? this.#flood?.text : undefined;
  }

  #newGate(): RequestGate {
    const { perCard, clock } = this.#d;
    return new RequestGate({ perCard, addresses: this.#table.size }, clock.elapsed());
  }

  /** Sockets that share a port hide each other: the two that follow would open beside another server without a word. */
  async #warnOfOthers(): Promise<void> {
    const { log, openUdp, policy } = this.#d;
    const nothing = (): void => {};
    try {
      const probe = await openUdp({
        address: policy.server.address,
        port: this.#port,
        onDatagram: nothing,
        onError: nothing,
      });
      await probe.close();
    } catch (error) {
      if (!(error instanceof PxenError) || error.code !== 'PORT_IN_USE') throw error;
      log.warn('dhcp', `${error.message}; two DHCP servers on one network give out clashing addresses`);
    }
  }
}

function tableOf({ subnets, reservations }: DhcpPolicy, leases: readonly Lease[]): LeaseTable {
  return new LeaseTable(
    subnets.map(({ pool }) => pool),
    leases,
    reservations,
  );
}
