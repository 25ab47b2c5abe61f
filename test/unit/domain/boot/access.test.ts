import { expect, test } from 'vitest';
import type { Ipv4 } from '../../../../src/base/ipv4.ts';
import type { Mac } from '../../../../src/base/mac.ts';
import {
  answerOverlay,
  type OverlayAnswer,
  type OverlayQuestion,
} from '../../../../src/domain/boot/access.ts';
import type { MachineId } from '../../../../src/domain/machine/genid.ts';

const MINE = '91d5815f' as MachineId;
const from = '10.77.0.100' as Ipv4;
const leaseOf = (machineId: string | undefined): OverlayQuestion['lease'] => ({
  mac: '52:54:00:12:34:56' as Mac,
  address: from,
  machineId: machineId as MachineId | undefined,
  uuid: undefined,
  expiresAt: 0,
});
const serve = (which: 'own' | 'default'): OverlayAnswer => ({ kind: 'serve', which });
const refuse = (code: string, reason: string): OverlayAnswer =>
  ({ kind: 'refuse', code, reason }) as OverlayAnswer;
const notYours = (holder: string): OverlayAnswer =>
  refuse(
    'FORBIDDEN',
    `the overlay of 91d5815f goes only to that machine; 10.77.0.100 is leased to ${holder}`,
  );
const conflict = '2 machines go by id 91d5815f: a, b';
const refusedForConflict = refuse('CONFLICT', `no overlay for 91d5815f: ${conflict}`);
const noFolder = refuse(
  'NOT_FOUND',
  'machine 91d5815f has no folder under /host0/machines and boot.unknown is wait',
);

test.each<[string, Partial<OverlayQuestion>, OverlayAnswer]>([
  ['its own machine', { lease: leaseOf(MINE) }, serve('own')],
  ...(
    [
      ['missing', 'the URL has no token; the boot script of the machine brings one'],
      ['unknown', 'this boot token is none of host0, or one of an earlier boot; reboot the machine'],
      ['other-machine', 'this boot token is for another machine'],
      ['other-address', 'this boot token was given to another address; reboot the machine'],
      ['used', 'this boot token was used already; reboot the machine'],
      ['expired', 'this boot token is older than 15 minutes; reboot the machine'],
    ] as const
  ).map(([token, trouble]): [string, Partial<OverlayQuestion>, OverlayAnswer] => [
    `its own machine with a token that is ${token}`,
    { lease: leaseOf(MINE), token },
    refuse('FORBIDDEN', `the overlay of 91d5815f is refused: ${trouble}`),
  ]),
  ['a good token beside another DHCP server', { leases: false }, serve('own')],
  [
    'no token beside another DHCP server',
    { leases: false, token: 'missing' },
    refuse(
      'FORBIDDEN',
      'the overlay of 91d5815f is refused: the URL has no token; the boot script of the machine brings one',
    ),
  ],
  [
    'another machine, with a token or without',
    { lease: leaseOf('deadbeef'), token: 'missing' },
    notYours('machine deadbeef'),
  ],
  ['another machine', { lease: leaseOf('deadbeef') }, notYours('machine deadbeef')],
  ['an address whose machine is not known', { lease: leaseOf(undefined) }, notYours('no known machine')],
  ['an address without a lease', {}, notYours('no known machine')],
  ['its own machine while another claims its id', { lease: leaseOf(MINE), conflict }, refusedForConflict],
  ['a machine without a folder: the default one, to anybody', { known: false }, serve('default')],
  [
    'a machine without a folder, where those wait',
    { known: false, unknown: 'wait', lease: leaseOf(MINE) },
    noFolder,
  ],
  ['a machine without a folder in dispute', { known: false, conflict }, refusedForConflict],
])('the overlay asked for by %s', (_, question, answer) => {
  expect(
    answerOverlay({
      id: MINE,
      from,
      leases: true,
      lease: undefined,
      token: 'good',
      known: true,
      conflict: undefined,
      unknown: 'default',
      ...question,
    }),
  ).toEqual(answer);
});
