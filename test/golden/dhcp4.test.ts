import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { optionName } from '../../src/wire/dhcp4/code.ts';
import { decode, encode, type Packet } from '../../src/wire/dhcp4/packet.ts';
import { summary } from '../../src/wire/dhcp4/summary.ts';
import { goldenNames, goldenPacket } from '../fakes/dhcp.ts';

/** Packets from the wire: `name.hex` with `name.parsed` beside it. A new pair is a new test; UPDATE_GOLDEN=1 writes the second. */
const names = goldenNames();

function describePacket(packet: Packet): string {
  const { options, chaddr, xid, flags, ...fields } = packet;
  return `${[
    summary(packet),
    '',
    ...Object.entries(fields).map(([name, value]) => `${name} ${value}`.trimEnd()),
    `xid ${xid.toString(16)}`,
    `flags ${flags.toString(16)}`,
    `chaddr ${toHex(chaddr)}`,
    ...Array.from(options, ([code, value]) => `option ${optionName(code)}: ${toHex(value)} ${printable(value)}`),
  ].join('\n')}\n`;
}

function printable(value: Uint8Array): string {
  return `|${Array.from(value, byte => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')}|`;
}

describe('packets from the wire', () => {
  test.each(names)('%s reads as its .parsed file says', name => {
    const path = join(import.meta.dirname, 'dhcp4', `${name}.parsed`);
    const parsed = describePacket(goldenPacket(name));
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, parsed);
    const expected = existsSync(path) ? readFileSync(path, 'utf8') : '';
    expect(parsed, `${name}.parsed differs; if the new text is right: UPDATE_GOLDEN=1`).toBe(expected);
  });

  test.each(names)('%s is the same packet after writing and reading', name => {
    const packet = goldenPacket(name);
    expect(decode(encode(packet, 1500))).toEqual(packet);
  });
});
