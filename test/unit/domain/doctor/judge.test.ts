import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../../../../src/base/ipv4.ts';
import type { Finding } from '../../../../src/domain/doctor/finding.ts';
import {
  type BootFileState,
  judgeBootFiles,
  judgeClock,
  judgeDatabase,
  judgeDhcpServers,
  judgeDisk,
  judgeHost0,
  judgeInotify,
  judgeInterface,
  judgeReceiveBuffer,
  judgeRights,
  judgeRouterAdvertisements,
} from '../../../../src/domain/doctor/judge.ts';

const OWN = '10.77.0.1' as Ipv4;
const own = { server: OWN, offered: '10.77.0.100' as Ipv4, bootFile: '' };
const other = { server: '10.77.0.9' as Ipv4, offered: '10.77.0.50' as Ipv4, bootFile: '' };
const MIB = 1024 * 1024;
const NOW = Date.UTC(2026, 0, 2);

const efi: BootFileState = { path: '/t/snponly.efi', kind: 'EFI x64', size: 300_000, expected: 'EFI x64' };
const bios: BootFileState = { path: '/t/undionly.kpxe', kind: 'unknown', size: 70_000, expected: 'unknown' };

const short = (finding: Finding): string => `${finding.level}: ${finding.text}`;

describe('each check says what it found', () => {
  test.each<[string, Finding | readonly Finding[], string | string[]]>([
    ['root', judgeRights(0, false), 'ok: running as root'],
    ['a capability', judgeRights(1000, true), 'ok: not root, but with CAP_NET_BIND_SERVICE'],
    ['nobody', judgeRights(1000, false), 'warn: not root: the ports and the DHCP probe cannot be checked'],
    [
      'a good interface',
      judgeInterface('eth1', '10.77.0.1/24', { up: true, carrier: true }),
      'ok: eth1 with 10.77.0.1/24 is up and has a carrier',
    ],
    [
      'no cable',
      judgeInterface('eth1', '10.77.0.1/24', { up: true, carrier: false }),
      'fail: eth1 with 10.77.0.1/24 has no carrier',
    ],
    [
      'an interface that is down',
      judgeInterface('eth1', '10.77.0.1/24', { up: false, carrier: undefined }),
      'fail: eth1 with 10.77.0.1/24 is down',
    ],
    [
      'nobody but pxend',
      judgeDhcpServers([own], OWN, { running: true, mode: 'server' }),
      ['ok: no other DHCP server answers'],
    ],
    [
      'a second server',
      judgeDhcpServers([own, other], OWN, { running: true, mode: 'server' }),
      ['fail: another DHCP server is on this network: 10.77.0.9 (offered 10.77.0.50)'],
    ],
    [
      'a pxend that does not answer',
      judgeDhcpServers([], OWN, { running: true, mode: 'server' }),
      ['fail: pxend runs and did not answer a DISCOVER'],
    ],
    [
      'no pxend, nobody',
      judgeDhcpServers([], OWN, { running: false, mode: 'server' }),
      ['ok: no other DHCP server answers'],
    ],
    [
      'the server beside a proxy',
      judgeDhcpServers([other], OWN, { running: true, mode: 'proxy' }),
      ['ok: 10.77.0.9 (offered 10.77.0.50) gives the addresses'],
    ],
    [
      'a proxy alone',
      judgeDhcpServers([], OWN, { running: true, mode: 'proxy' }),
      ['fail: dhcp.mode is proxy, but no DHCP server answers'],
    ],
    ['good boot files', judgeBootFiles([efi, bios]), ['ok: 2 files, 361 KiB, of the right kind']],
    [
      'bad ones, each of them',
      judgeBootFiles([
        { ...efi, kind: 'EFI ia32' },
        { ...bios, kind: undefined },
        { ...bios, path: '/t/big', size: MIB },
        { ...efi, path: '/t/root', expected: 'squashfs', kind: 'unknown' },
      ]),
      [
        'fail: /t/snponly.efi is EFI ia32, not EFI x64',
        'fail: /t/undionly.kpxe is missing or cannot be read',
        'fail: /t/big is no BIOS boot program (1.0 MiB)',
        'fail: /t/root is no squashfs',
      ],
    ],
    ['a good clock', judgeClock(NOW, NOW - 1, true), 'ok: 2026-01-02T00:00:00.000Z, synchronised'],
    ['a free clock', judgeClock(NOW, NOW - 1, false), 'warn: 2026-01-02T00:00:00.000Z, not synchronised'],
    [
      'a clock nobody knows of',
      judgeClock(NOW, NOW - 1, undefined),
      'warn: 2026-01-02T00:00:00.000Z; whether it is synchronised cannot be told',
    ],
    [
      'a clock without a battery',
      judgeClock(0, NOW, undefined),
      'fail: 1970-01-01T00:00:00.000Z is before this program was installed',
    ],
    ['room', judgeDisk('/v', 5 * 1024 * MIB), 'ok: 5.0 GiB free for /v'],
    ['little room', judgeDisk('/v', 500 * MIB), 'warn: 500 MiB free for /v'],
    ['no room', judgeDisk('/v', MIB), 'fail: 1.0 MiB free for /v'],
    ['no folder', judgeDisk('/v', undefined), 'warn: /v does not exist yet'],
    ['enough watches', judgeInotify(65_536, 128), 'ok: 65536 inotify watches, 128 instances'],
    ['too few', judgeInotify(100, 128), 'warn: 100 inotify watches, 128 instances'],
    ['no inotify', judgeInotify(undefined, undefined), 'warn: this kernel has no inotify'],
    ['a big buffer', judgeReceiveBuffer(4 * MIB), 'ok: net.core.rmem_max is 4.0 MiB'],
    [
      'a small one',
      judgeReceiveBuffer(212_992),
      'warn: net.core.rmem_max is 208 KiB; with hundreds of machines at once requests get lost',
    ],
    ['one nobody knows', judgeReceiveBuffer(undefined), 'warn: net.core.rmem_max cannot be read'],
    ['a sound database', judgeDatabase('/d', true, undefined), 'ok: /d is sound'],
    ['none yet', judgeDatabase('/d', false, undefined), 'ok: /d does not exist yet'],
    ['a broken one', judgeDatabase('/d', true, 'not a database'), 'fail: /d: not a database'],
    ['good folders', judgeHost0(3, []), 'ok: 3 machine folders in order'],
    ['bad ones', judgeHost0(3, ['a:1: x', 'b:2: y']), 'fail: a:1: x (and 1 more)'],
    ['a router', judgeRouterAdvertisements(true), 'ok: router advertisements are on this network'],
    [
      'none',
      judgeRouterAdvertisements(false),
      'warn: no router advertisement was seen: iPXE waits up to 16 s in "Configuring" at each boot',
    ],
  ])('%s', (_, found, expected) => {
    const list = [found].flat();
    expect(list.map(short)).toEqual([expected].flat());
    expect(list.filter(({ level, todo }) => (level === 'ok') !== (todo === undefined))).toEqual([]);
  });
});
