import { messageOf } from '../../base/error.ts';
import { ANY } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import type { Clock, Log, OpenUdp, Service, UdpPeer, UdpSocket } from '../../base/ports.ts';
import { type BootRequest, classify } from '../../domain/boot/classify.ts';
import { type Decision, decide } from '../../domain/boot/decide.ts';
import type { DhcpPolicy } from '../../domain/boot/policy.ts';
import type { LeaseStore } from '../../domain/lease/lease.ts';
import { AddressPool } from '../../domain/lease/pool.ts';
import { type LeaseChange, LeaseTable } from '../../domain/lease/table.ts';
import type { Sha256 } from '../../domain/machine/genid.ts';
import type { BootStage, Timeline } from '../../domain/node/timeline.ts';
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
  readonly counts = { received: 0, malformed: 0, dropped: 0, offer: 0, ack: 0, nak: 0, ignore: 0 };
  readonly #d: DhcpDependencies;
  readonly #tasks = new OrderlyTasks<Mac>(MOST_REQUESTS);
  #leases: LeaseTable;
  #sockets: UdpSocket[] = [];
  #sender: UdpSocket | undefined;
  #trouble: string | undefined;

  constructor(dependencies: DhcpDependencies) {
    this.#d = dependencies;
    this.#leases = emptyTable(dependencies.policy);
  }
}
