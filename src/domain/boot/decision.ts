import type { Cidr, Ipv4 } from '../../base/ipv4.ts';
import { OPTION } from '../../wire/dhcp4/code.ts';
import { textOption } from '../../wire/dhcp4/option-text.ts';
import type { Packet } from '../../wire/dhcp4/packet.ts';
import { replyTo } from '../../wire/dhcp4/reply.ts';
import type { LeaseChange, LeaseTable, Wish } from '../lease/table.ts';
import type { BootStage, Fault } from '../node/timeline.ts';
import type { BootRequest } from './classify.ts';
import type { DhcpPolicy, Subnet } from './policy.ts';

/** A reply to send. `change` comes first and must be durable before `reply` leaves. */
export interface Answer {
  readonly kind: 'offer' | 'ack' | 'nak';
  /** One line for the log and the timeline. */
  readonly text: string;
  /** The address it is about; undefined where another server gives it. */
  readonly address: Ipv4 | undefined;
  readonly reply: Packet;
  readonly change?: LeaseChange;
  /** The step on the boot timeline, where it is one. */
  readonly stage?: BootStage;
  readonly fault?: Fault;
}

/** No reply, and why. */
export interface Silence {
  readonly kind: 'ignore';
  readonly text: string;
  readonly address?: Ipv4;
  readonly change?: LeaseChange;
  /** `problem` when the admin should know, `ack` when another server gave the machine its address. */
  readonly stage?: 'problem' | 'ack';
  readonly fault?: Fault;
}

export type Decision = Answer | Silence;

/** Everything a decision rests on besides the request. */
export interface Situation {
  readonly policy: DhcpPolicy;
  readonly leases: LeaseTable;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The situation of one card on the network that its request came from. */
export interface Here extends Situation, Wish {
  readonly subnet: Subnet;
}

export function ignore(text: string): Silence {
  return { kind: 'ignore', text };
}

/** A refusal with its reason, in option 56 too. */
export function nak(request: BootRequest, address: Ipv4, reason: string, server: Cidr): Answer {
  const text = `refused ${address}: ${reason}`;
  const options = new Map([[OPTION.message, textOption(text)]]);
  return {
    kind: 'nak',
    text,
    address,
    stage: 'problem',
    fault: 'nak',
    reply: replyTo(request.packet, { type: 'NAK', server: server.address, options }),
  };
}

/** `10.77.0.0/24`, for people. */
export function formatNetwork({ address, prefix }: Cidr): string {
  return `${address}/${prefix}`;
}
