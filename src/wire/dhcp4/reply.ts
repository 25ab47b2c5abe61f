import { ANY, type Ipv4 } from '../../base/ipv4.ts';
import { type MessageType, OPTION } from './code.ts';
import { addressesOption } from './option-address.ts';
import { messageTypeOption } from './option-number.ts';
import type { OptionEntry, Options } from './options.ts';
import { BOOTREPLY, BROADCAST_FLAG, type Packet } from './packet.ts';

export interface ReplyContent {
  readonly type: MessageType;
  /** Option 54. */
  readonly server: Ipv4;
  readonly yiaddr?: Ipv4;
  readonly siaddr?: Ipv4;
  readonly file?: string;
  /** In the order of the wire; the last one of a code counts. */
  readonly options: Iterable<OptionEntry>;
}

/**
 * A reply with what RFC 2131 table 3 copies from the request, so that no caller can forget it: xid, flags, giaddr,
 * chaddr; ciaddr in an ACK; the options 61 (RFC 6842 3), 82 (RFC 3046 2.2) and 97 (RFC 4578 2.3) in every reply.
 */
export function replyTo(request: Packet, content: ReplyContent): Packet {
  const nakByRelay = content.type === 'NAK' && request.giaddr !== ANY;
  return {
    op: BOOTREPLY,
    htype: request.htype,
    hops: 0,
    xid: request.xid,
    secs: 0,
    // RFC 2131 4.3.2: behind a relay the client may be without a working address, so the relay must broadcast.
    flags: nakByRelay ? request.flags | BROADCAST_FLAG : request.flags,
    ciaddr: content.type === 'ACK' ? request.ciaddr : ANY,
    yiaddr: content.yiaddr ?? ANY,
    siaddr: content.siaddr ?? ANY,
    giaddr: request.giaddr,
    chaddr: request.chaddr,
    sname: '',
    file: content.file ?? '',
    options: replyOptions(request.options, content),
  };
}

const ECHOED = [OPTION.clientId, OPTION.machineUuid, OPTION.relayAgent];

function replyOptions(asked: Options, { type, server, options }: ReplyContent): Options {
  const all = new Map<number, Uint8Array>();
  all.set(OPTION.messageType, messageTypeOption(type));
  all.set(OPTION.serverId, addressesOption(server));
  for (const [code, value] of options) all.set(code, value);
  for (const code of ECHOED) {
    const value = asked.get(code);
    if (value) all.set(code, value);
  }
  return all;
}
