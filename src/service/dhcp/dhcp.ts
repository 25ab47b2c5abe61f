import { quote } from '../../base/diagnostic.ts';
import { messageOf, PxenError } from '../../base/error.ts';
import { ANY, type Ipv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import type { Clock, Log, OpenUdp, Service, UdpPeer, UdpSocket } from '../../base/ports.ts';
import { type BootClient, type BootRequest, classify } from '../../domain/boot/classify.ts';
import { type Decision, decide } from '../../domain/boot/decide.ts';
import type { DhcpPolicy } from '../../domain/boot/policy.ts';
import type { Lease, LeaseStore } from '../../domain/lease/lease.ts';
import { AddressPool } from '../../domain/lease/pool.ts';
import { type LeaseChange, LeaseTable } from '../../domain/lease/table.ts';
import type { Sha256 } from '../../domain/machine/genid.ts';
import type { BootEvent, BootStage, Timeline } from '../../domain/node/timeline.ts';
import { destination, SERVER_PORT } from '../../wire/dhcp4/destination.ts';
import { maxMessageSize } from '../../wire/dhcp4/option-number.ts';
import { decode, encode, type Packet } from '../../wire/dhcp4/packet.ts';
import { summary } from '../../wire/dhcp4/summary.ts';
import { OrderlyTasks } from './orderly.ts';

export interface DhcpDependencies {
  readonly openUdp: OpenUdp;
  readonly clock: Clock;
  readonly log: Log;
  readonly timeline: Timeline;
  readonly leases: LeaseStore;
  readonly policy: DhcpPolicy;
  readonly sha256: Sha256;
  /** 67 unless told otherwise; clients then listen on the next one. */
  readonly port?: number;
}

/** Enough for a rack that powers on at once to wait in the socket while leases are written, bytes. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;
/** Requests under way at one time. */
const MOST_REQUESTS = 4096;

/** Answers DHCP on one network: an address, and what to boot. */
export class DhcpService implements Service {
  readonly name = 'dhcp';
  /** Datagrams since the start, by what became of them. */
  readonly counts = { received: 0, malformed: 0, dropped: 0, failed: 0, offer: 0, ack: 0, nak: 0, ignore: 0 };
  readonly #d: DhcpDependencies;
  readonly #port: number;
  readonly #requests = new OrderlyTasks<Mac>(MOST_REQUESTS);
  #table: LeaseTable;
  #sockets: UdpSocket[] = [];
  #storeTrouble: string | undefined;
  #poolTrouble: string | undefined;

  constructor(dependencies: DhcpDependencies) {
    this.#d = dependencies;
    this.#port = dependencies.port ?? SERVER_PORT;
    this.#table = tableOf(dependencies.policy, []);
  }

  async start(): Promise<void> {
    const { leases, log, policy } = this.#d;
    this.#table = tableOf(policy, leases.all());
    await this.#warnOfOthers();
    // A socket bound to an address hears no broadcast on Linux, one bound to 0.0.0.0 broadcasts by the default route:
    // so the first sends (and hears unicast), the second hears broadcasts (boot-lab pitfall 4).
    await this.#open(policy.server.address, true);
    await this.#open(ANY, false);
    log.info(
      'dhcp',
      `listening on ${policy.server.address}:${this.#port}, ${this.#table.pool.size} addresses`,
    );
  }

  /** Stops hearing at once; a lease that is being written still gets its ACK. */
  async stop(): Promise<void> {
    const sockets = this.#sockets;
    this.#sockets = [];
    await this.#requests.idle();
    await Promise.all(sockets.map(socket => socket.close()));
  }

  health(): string | undefined {
    return this.#storeTrouble ?? this.#poolTrouble;
  }

  /** The lease that runs on an address now: who speaks from there. */
  leaseAt(address: Ipv4): Lease | undefined {
    return this.#table.leaseAt(address, this.#d.clock.now());
  }

  /** One datagram in, at most one reply out, in the order of each machine's requests. Never throws. */
  #onDatagram(bytes: Uint8Array, from: UdpPeer, unicast: boolean, sender: UdpSocket): void {
    const request = this.#read(bytes, from, unicast);
    if (!request) return;
    const accepted = this.#requests.run(request.mac, () => this.#answer(request, sender));
    if (!accepted) this.counts.dropped++;
  }

  #read(bytes: Uint8Array, from: UdpPeer, unicast: boolean): BootRequest | undefined {
    this.counts.received++;
    const packet = decode(bytes);
    const request = 'problem' in packet ? packet : classify(packet, unicast, this.#d.sha256);
    if (!('problem' in request)) return request;
    this.counts.malformed++;
    this.#d.log.debug('dhcp', `dropped a datagram from ${from.address}:${from.port}: ${request.problem}`);
    return undefined;
  }

  /** Decide, make it durable, send, tell. */
  async #answer(request: BootRequest, sender: UdpSocket): Promise<void> {
    const { clock, policy } = this.#d;
    const began = clock.now();
    const decision = decide(request, { policy, leases: this.#table, now: began });
    try {
      if (decision.change) await this.#keep(decision.change);
      if (decision.kind !== 'ignore')
        this.#send(decision.reply, maxMessageSize(request.packet.options), sender);
      this.#tell(request, decision, began);
    } catch (error) {
      this.counts.failed++;
      this.#d.log.error('dhcp', `no answer to ${summary(request.packet)}: ${messageOf(error)}`);
    }
  }

  /** The table first: another machine's request, decided while this is being written, must not get the same address. */
  async #keep(change: LeaseChange): Promise<void> {
    const { leases } = this.#d;
    this.#table.apply(change);
    try {
      if (change.kind === 'bind' || change.kind === 'release') await leases.put(change.lease);
      else if (change.kind === 'decline') await leases.remove(change.mac);
      else return;
      this.#storeTrouble = undefined;
    } catch (error) {
      this.#storeTrouble = `leases cannot be written, so none are given: ${messageOf(error)}`;
      throw error;
    }
  }

  #send(reply: Packet, maxSize: number, sender: UdpSocket): void {
    sender.send(encode(reply, maxSize), destination(reply, this.#port));
  }

  #tell(request: BootRequest, decision: Decision, began: number): void {
    const { clock, log, timeline } = this.#d;
    this.counts[decision.kind]++;
    if (request.messageType === 'DISCOVER') {
      this.#poolTrouble = decision.stage === 'problem' ? decision.text : undefined;
      timeline.record(eventOf(request, 'discover', discoverText(request), began));
    }
    const milliseconds = clock.now() - began;
    if (decision.stage)
      timeline.record({
        ...eventOf(request, decision.stage, decision.text, clock.now()),
        address: decision.kind === 'ignore' ? undefined : decision.address,
        milliseconds,
      });
    const level = decision.stage === 'problem' ? 'warn' : decision.kind === 'ignore' ? 'debug' : 'info';
    log[level]('dhcp', `${request.messageType}: ${decision.text}`, {
      node: request.machineId,
      mac: request.mac,
      stage: decision.stage,
      milliseconds,
    });
  }

  async #open(address: Ipv4, sends: boolean): Promise<void> {
    const socket = await this.#d.openUdp({
      address,
      port: this.#port,
      reuse: true,
      broadcast: sends,
      receiveBuffer: RECEIVE_BUFFER,
      onDatagram: (bytes, from) => {
        const [sender] = this.#sockets;
        if (sender) this.#onDatagram(bytes, from, sends, sender);
      },
      onError: error => this.#d.log.warn('dhcp', `socket ${address}:${this.#port}: ${error.message}`),
    });
    this.#sockets.push(socket);
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

function tableOf(policy: DhcpPolicy, leases: readonly Lease[]): LeaseTable {
  const reserved = [policy.router ?? [], policy.dns].flat();
  return new LeaseTable(new AddressPool(policy.server, policy.pool, reserved), leases);
}

const WHO: Readonly<Record<BootClient, 'firmware' | 'ipxe' | 'os'>> = {
  ipxe: 'ipxe',
  'pxe-bios': 'firmware',
  'pxe-uefi': 'firmware',
  'uefi-http': 'firmware',
  other: 'os',
};

function eventOf(
  { mac, machineId, uuid, client }: BootRequest,
  stage: BootStage,
  text: string,
  at: number,
): BootEvent {
  return {
    at,
    stage,
    text,
    mac,
    machineId,
    uuid,
    client: WHO[client],
    idFrom: machineId ? 'dhcp' : undefined,
  };
}

function discoverText({ client, arch, vendorClass }: BootRequest): string {
  const vendor = vendorClass === '' ? '' : `, vendor class ${quote(vendorClass)}`;
  return client === 'other'
    ? `asks for an address${vendor}`
    : `asks for an address and a boot file (${client}, ${arch?.name ?? 'unknown architecture'})`;
}
