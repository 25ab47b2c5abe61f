import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fromHex } from '../../../../src/base/bytes.ts';
import { parseMac } from '../../../../src/base/mac.ts';
import { type BootRequest, classify } from '../../../../src/domain/boot/classify.ts';
import { OPTION } from '../../../../src/wire/dhcp4/code.ts';
import type { Packet } from '../../../../src/wire/dhcp4/packet.ts';
import { bootOptions, bootRequest, dhcpPacket, goldenPacket, sha256 } from '../../../fakes/dhcp.ts';

const UUID = '11223344-5566-7788-99aa-bbccddeeff00';

interface Vector {
  readonly name: string;
  readonly mac: string;
  readonly id: string;
  readonly option97?: string;
}
const vectors: Vector[] = JSON.parse(
  readFileSync(new URL('../../../vectors/genid.json', import.meta.url), 'utf8'),
);

function facts({ messageType, mac, client, arch, uuid, machineId, speaksHttp }: BootRequest): unknown[] {
  return [messageType, mac, client, arch?.code, uuid, machineId, speaksHttp];
}

describe('packets of real clients', () => {
  const mac = '52:54:00:12:34:56';
  test.each([
    ['ipxe-rom-bios-discover', ['DISCOVER', mac, 'ipxe', 0, UUID, '91d5815f', true]],
    ['undionly-bios-discover', ['DISCOVER', mac, 'ipxe', 0, UUID, '91d5815f', true]],
    ['ovmf-pxe-request', ['REQUEST', mac, 'pxe-uefi', 7, UUID, '91d5815f', false]],
    ['ipxe-on-uefi-request', ['REQUEST', mac, 'ipxe', 7, UUID, '91d5815f', true]],
    ['ovmf-http-discover', ['DISCOVER', mac, 'uefi-http', 16, UUID, '91d5815f', false]],
    ['udhcpc-discover', ['DISCOVER', '52:54:00:00:00:01', 'other', undefined, undefined, undefined, false]],
    ['dhclient-request', ['REQUEST', '52:54:00:00:00:01', 'other', undefined, undefined, undefined, false]],
  ])('%s', (name, expected) => {
    expect(facts(bootRequest(goldenPacket(name)))).toEqual(expected);
  });
});

describe('who asks', () => {
  test.each([
    ['a BIOS ROM', bootOptions(0), 'pxe-bios', 0],
    ['a BIOS ROM that leaves option 93 out', bootOptions(0).slice(0, 1), 'pxe-bios', 0],
    ['a UEFI ROM', bootOptions(9), 'pxe-uefi', 9],
    ['UEFI HTTP boot', bootOptions(16, 'HTTPClient'), 'uefi-http', 16],
    [
      'the first architecture that is known',
      [...bootOptions(0), [93, Uint8Array.of(0, 99, 0, 7)]],
      'pxe-uefi',
      7,
    ],
    ['an unknown architecture', bootOptions(99), 'pxe-uefi', undefined],
    ['a plain client that says its architecture', bootOptions(7).slice(1), 'other', undefined],
  ] as const)('%s', (_, options, client, code) => {
    const request = bootRequest(
      dhcpPacket('DISCOVER', { options: options.map(([c, v]) => [c, v] as const) }),
    );
    expect([request.client, request.arch?.code]).toEqual([client, code]);
  });
});

describe('the machine id', () => {
  const withOption97 = vectors.filter(vector => vector.option97 !== undefined);
  test.each(withOption97)('agrees with the shared vector: $name', ({ mac, id, option97 = '' }) => {
    const chaddr = fromHex((parseMac(mac) ?? '').replaceAll(':', '')) ?? new Uint8Array();
    const options = [...bootOptions(7), [OPTION.machineUuid, fromHex(option97) ?? new Uint8Array()] as const];
    expect(bootRequest({ ...dhcpPacket('DISCOVER', { options }), chaddr }).machineId).toBe(id);
  });

  test('a boot ROM without option 97 goes by its MAC', () => {
    const packet = {
      ...dhcpPacket('DISCOVER', { options: bootOptions(0) }),
      chaddr: Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56),
    };
    expect(bootRequest(packet)).toMatchObject({ uuid: undefined, machineId: '58901eb1' });
  });
});

test.each([
  ['to the server itself', true, undefined, true],
  ['broadcast', false, undefined, false],
  ['through a relay, which sends unicast what was broadcast', true, '10.77.0.9', false],
])('a request is unicast when the client sent it so: %s', (_, unicast, giaddr, expected) => {
  const packet = dhcpPacket('REQUEST', giaddr ? { giaddr } : {});
  expect(bootRequest(packet, unicast).unicast).toBe(expected);
});

describe('what is no request is a problem in words', () => {
  const good = dhcpPacket('DISCOVER');
  test.each<[string, Packet, string]>([
    ['a reply', { ...good, op: 2 }, 'got op 2, want a request (1)'],
    [
      'InfiniBand',
      { ...good, htype: 32, chaddr: new Uint8Array() },
      'got hardware type 32 with 0 bytes of address, want Ethernet (1 with 6)',
    ],
    ['BOOTP', { ...good, options: new Map() }, 'option 53 (message type) is missing or unknown'],
    [
      'a multicast sender',
      { ...good, chaddr: Uint8Array.of(1, 0, 0x5e, 0, 0, 1) },
      "01:00:5e:00:00:01 is a multicast address, want a network card's",
    ],
  ])('%s', (_, packet, problem) => {
    expect(classify(packet, false, sha256)).toEqual({ problem });
  });
});
