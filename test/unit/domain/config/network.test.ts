import { describe, expect, test } from 'vitest';
import { formatDiagnostic } from '../../../../src/base/diagnostic.ts';
import { parseCidr } from '../../../../src/base/ipv4.ts';
import { checkNetwork, chooseNetwork, type LocalAddress } from '../../../../src/domain/config/network.ts';
import { parseConfig } from '../../../../src/domain/config/parse.ts';
import type { SettingPath } from '../../../../src/domain/config/settings.ts';

const at = (name: string, cidr: string, loopback = false): LocalAddress => ({
  interface: name,
  cidr: parseCidr(cidr)!,
  loopback,
});
const LO = at('lo', '127.0.0.1/8', true);
const ETH0 = at('eth0', '192.168.1.5/24');
const ETH1 = at('eth1', '10.77.0.1/24');
const ETH1_SECOND = at('eth1', '10.78.0.1/24');

describe('chooseNetwork', () => {
  test.each([
    ['the named one', 'eth1', [LO, ETH0, ETH1], 'eth1', '10.77.0.1'],
    ['the only real one', '', [LO, ETH1], 'eth1', '10.77.0.1'],
    ['the first address of an interface with several', '', [LO, ETH1, ETH1_SECOND], 'eth1', '10.77.0.1'],
    ['the loopback, but only when it is named', 'lo', [LO, ETH0], 'lo', '127.0.0.1'],
  ])('takes %s', (_, wanted, addresses, name, address) => {
    const choice = chooseNetwork(wanted, addresses);
    expect(choice).toMatchObject({ network: { interface: name, cidr: { address } } });
  });

  test.each([
    [
      '',
      [LO, ETH0, ETH1],
      'several interfaces have an IPv4 address (eth0, eth1); set "interface" to the one that the machines are on',
    ],
    [
      '',
      [LO],
      'no interface but the loopback has an IPv4 address; give one to the interface that the machines are on (ip address add)',
    ],
    [
      'eth7',
      [LO, ETH0, ETH1, ETH1_SECOND],
      'interface eth7 does not exist or has no IPv4 address; interfaces with one: lo, eth0, eth1; see: ip -4 address',
    ],
    [
      'eth7',
      [],
      'interface eth7 does not exist or has no IPv4 address; interfaces with one: none; see: ip -4 address',
    ],
  ])('%j among %j: says what to do', (wanted, addresses, problem) => {
    expect(chooseNetwork(wanted, addresses)).toEqual({ problem });
  });
});

describe('checkNetwork', () => {
  const network = { interface: 'eth1', cidr: parseCidr('10.77.0.1/24')! };
  const messages = (flags: Partial<Record<SettingPath, string>>): string[] => {
    const result = parseConfig({ environment: {}, flags });
    if ('problems' in result) throw new Error('the test has a wrong configuration');
    return checkNetwork(result.config, network, 'pxen.yaml').map(formatDiagnostic);
  };

  test.each([
    [{ 'dhcp.pool': '10.77.0.1-10.77.0.254' }],
    [{ 'dhcp.pool': '10.77.0.50-10.77.0.50', 'dhcp.router': '10.77.0.254' }],
    [{ 'dhcp.mode': 'off' }],
    [{ 'dhcp.mode': 'off', 'dhcp.pool': '1.1.1.1-1.1.1.2', 'dhcp.router': '1.1.1.1' }],
  ])('%j fits', flags => expect(messages(flags)).toEqual([]));

  const where = '10.77.0.1/24 of eth1';
  test.each([
    [{}, [`pxen.yaml: dhcp.pool: is missing, expected a range inside ${where}, or dhcp.mode: proxy or off`]],
    [
      {
        'dhcp.pool':
          '10.77.0.0-10.77.0.9 10.77.0.200-10.77.0.255 10.77.0.9-10.77.0.8 10.77.0.7-10.77.0.8 10.76.0.1-10.77.0.9',
      },
      ['10.77.0.0-10.77.0.9', '10.77.0.200-10.77.0.255', '10.77.0.9-10.77.0.8', '10.76.0.1-10.77.0.9'].map(
        pool =>
          `pxen.yaml: dhcp.pool: got ${pool}, expected ascending addresses inside ${where}, without its first and last`,
      ),
    ],
    [
      { 'dhcp.router': '10.78.0.1' },
      [
        `pxen.yaml: dhcp.pool: is missing, expected a range inside ${where}, or dhcp.mode: proxy or off`,
        `pxen.yaml: dhcp.router: got 10.78.0.1, expected an address inside ${where}`,
      ],
    ],
  ])('%j does not', (flags, expected) => expect(messages(flags)).toEqual(expected));

  const subnets = (text: string) => ({ 'dhcp.pool': '10.77.0.100-10.77.0.199', 'dhcp.subnets': text });
  const reserved = (text: string) => ({
    ...subnets('[{network: 10.88.0.0/24, router: 10.88.0.1}]'),
    'dhcp.reservations': text,
  });

  test.each([
    [{ 'dhcp.mode': 'auto' }],
    [{ 'dhcp.mode': 'proxy' }],
    [{ 'dhcp.subnets': '[{network: 10.88.0.0/24, pool: [10.88.0.5-10.88.0.9]}]' }],
    [{ 'dhcp.reservations': '[{id: "91d5815f", address: 10.77.0.5}]' }],
    [subnets('[{network: 10.88.0.0/24, pool: [10.88.0.5-10.88.0.9]}, {network: 10.89.0.0/16}]')],
    [reserved('[{id: "91d5815f", address: 10.88.0.5}, {mac: "52:54:00:00:00:01", address: 10.77.0.150}]')],
  ])('%j fits', flags => expect(messages(flags)).toEqual([]));

  test.each([
    [
      subnets('[{network: 10.77.0.128/25}]'),
      [
        'dhcp.subnets[0].network: got 10.77.0.128/25, expected another network than 10.77.0.1/24 of eth1: that one has dhcp.pool and the keys beside it',
      ],
    ],
    [
      subnets('[{network: 10.88.0.0/24}, {network: 10.88.0.64/26}]'),
      [
        'dhcp.subnets[1].network: got 10.88.0.64/26, expected a network that does not overlap with 10.88.0.0/24',
      ],
    ],
    [
      subnets('[{network: 10.88.0.0/24, pool: [10.88.0.9-10.88.1.9], router: 10.77.0.1}]'),
      [
        'dhcp.subnets[0].pool: got 10.88.0.9-10.88.1.9, expected ascending addresses inside 10.88.0.0/24, without its first and last',
        'dhcp.subnets[0].router: got 10.77.0.1, expected an address inside 10.88.0.0/24',
      ],
    ],
    [
      reserved('[{address: 10.77.0.5}, {mac: "52:54:00:00:00:01", id: "91d5815f", address: 10.77.0.6}]'),
      [
        'dhcp.reservations[0]: got neither mac nor id, expected one of them',
        'dhcp.reservations[1]: got both mac 52:54:00:00:00:01 and id 91d5815f, expected one of them',
      ],
    ],
    [
      reserved(
        '[{id: "91d5815f", address: 10.99.0.5}, {id: "91d5815e", address: 10.77.0.255}, {id: "91d5815d", address: 10.77.0.1}, {id: "91d5815c", address: 10.88.0.1}]',
      ),
      [
        'dhcp.reservations[0].address: got 10.99.0.5, expected an address inside 10.77.0.1/24 of eth1 or 10.88.0.0/24',
        'dhcp.reservations[1].address: got 10.77.0.255, expected another one than the first and last of 10.77.0.1/24 of eth1',
        'dhcp.reservations[2].address: got 10.77.0.1, expected another one than that of this server',
        'dhcp.reservations[3].address: got 10.88.0.1, expected another one than that of a router',
      ],
    ],
    [
      reserved(
        '[{mac: "52:54:00:00:00:01", address: 10.77.0.5}, {mac: "52-54-00-00-00-01", address: 10.77.0.6}, {id: "91d5815f", address: 10.77.0.5}]',
      ),
      [
        'dhcp.reservations[1].mac: got 52:54:00:00:00:01, expected another one than dhcp.reservations[0] has',
        'dhcp.reservations[2].address: got 10.77.0.5, expected another one than dhcp.reservations[0] has',
      ],
    ],
  ])('%j does not', (flags, expected) =>
    expect(messages(flags)).toEqual(expected.map(text => `pxen.yaml: ${text}`)),
  );
});
