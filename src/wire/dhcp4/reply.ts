import { ANY, type Ipv4 } from '../../base/ipv4.ts';
import { type MessageType, OPTION } from './code.ts';
import { addressesOption } from './option-address.ts';
import { messageTypeOption } from './option-number.ts';
import type { Options } from './options.ts';
import { BOOTREPLY, BROADCAST_FLAG, type Packet } from './packet.ts';

export interface ReplyContent {
  readonly type: MessageType;
  /** Option 54. */
  readonly server: Ipv4;
  readonly yiaddr?: Ipv4;
  readonly siaddr?: Ipv4;
  readonly file?: string;
  readonly options: Options;
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
    options: new Map([
      [OPTION.messageType, messageTypeOption(content.type)],
      [OPTION.serverId, addressesOption(content.server)],
      ...content.options,
      ...echoes(request.options),
    ]),
  };
}

function echoes(options: Options): [number, Uint8Array][] {
  const codes = [OPTION.clientId, OPTION.machineUuid, OPTION.relayAgent];
  return codes.flatMap(code => {
    const value = options.get(code);
    return value ? [[code, value] as [number, Uint8Array]] : [];
  });
}
