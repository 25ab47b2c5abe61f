import { quote } from '../../base/diagnostic.ts';
import { ANY } from '../../base/ipv4.ts';
import { macFromBytes } from '../../base/mac.ts';
import { OPTION } from './code.ts';
import { addressOf } from './option-address.ts';
import { architectures, messageType } from './option-number.ts';
import { textOf, userClasses } from './option-text.ts';
import { BOOTREQUEST, BROADCAST_FLAG, type Packet } from './packet.ts';

/** A packet as one readable line: `DISCOVER xid 1a2b3c4d from 52:54:00:12:34:56, arch 7, user class "iPXE"`. */
export function summary(packet: Packet): string {
  const { options } = packet;
  const direction = packet.op === BOOTREQUEST ? 'from' : 'to';
  const head = `${messageType(options) ?? 'BOOTP'} xid ${packet.xid.toString(16).padStart(8, '0')} ${direction} ${macFromBytes(packet.chaddr)}`;
  const facts = [
    packet.flags & BROADCAST_FLAG ? 'broadcast' : '',
    ...(['ciaddr', 'yiaddr', 'siaddr', 'giaddr'] as const).map(name =>
      packet[name] === ANY ? '' : `${name} ${packet[name]}`,
    ),
    fact('requests', addressOf(options, OPTION.requestedAddress)),
    fact('server', addressOf(options, OPTION.serverId)),
    fact('arch', architectures(options).join('+')),
    fact('vendor class', quoted(textOf(options, OPTION.vendorClass))),
    fact('user class', userClasses(options).map(quote).join('+')),
    fact('file', quoted(packet.file || textOf(options, OPTION.bootFile))),
  ];
  return [head, ...facts.filter(text => text !== '')].join(', ');
}

function fact(name: string, value: string | undefined): string {
  return value ? `${name} ${value}` : '';
}

function quoted(text: string | undefined): string {
  return text ? quote(text) : '';
}
