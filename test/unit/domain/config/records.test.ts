import { expect, test } from 'vitest';
import { formatDiagnostic } from '../../../../src/base/diagnostic.ts';
import { parseConfig } from '../../../../src/domain/config/parse.ts';

function problems(text: string): string[] {
  const result = parseConfig({ file: { path: 'pxen.yaml', text }, environment: {}, flags: {} });
  return 'problems' in result ? result.problems.map(formatDiagnostic) : [];
}

test('every problem in a list of the file is named by its place in the list', () => {
  const text = `dhcp:
  subnets:
    - network: 10.88.0.0/33
      pool: [10.88.0.100]
      gateway: 10.88.0.1
    - pool: 10.89.0.5-10.89.0.9
      ruoter: 10.89.0.1
    - 10.90.0.0/24
  reservations:
    - mac: 52:54
      address: 10.77.0.500
      hostname: -x
`;
  const at = (line: number, key: string, rest: string): string => `pxen.yaml:${line}: dhcp.${key}: ${rest}`;
  expect(problems(text)).toEqual([
    at(
      2,
      'subnets[0].gateway',
      'got an unknown key, expected one of network, pool, router, dns, domain, leaseTime',
    ),
    at(2, 'subnets[0].network', 'got "10.88.0.0/33", expected a network such as 10.88.0.0/24'),
    at(
      2,
      'subnets[0].pool',
      'got ["10.88.0.100"], expected ranges inside the network such as [10.88.0.100-10.88.0.199]',
    ),
    at(2, 'subnets[1].ruoter', 'got an unknown key, expected a known key; did you mean router?'),
    at(2, 'subnets[1].network', 'is missing, expected a network such as 10.88.0.0/24'),
    at(
      2,
      'subnets[2]',
      'got "10.90.0.0/24", expected keys such as network, pool, router, dns, domain, leaseTime',
    ),
    at(9, 'reservations[0].mac', 'got "52:54", expected the MAC address of a card such as 52:54:00:12:34:56'),
    at(9, 'reservations[0].address', 'got "10.77.0.500", expected an IPv4 address such as 10.77.0.50'),
    at(9, 'reservations[0].hostname', 'got "-x", expected a host name such as rack1-07'),
  ]);
});

test('an id of digits alone is a number in YAML, and the message says to quote it', () => {
  expect(problems('dhcp:\n  reservations: [{id: 12345678, address: 10.77.0.5}]\n')).toEqual([
    'pxen.yaml:2: dhcp.reservations[0].id: got 12345678, expected a machine id of 8 hex digits such as "91d5815f"',
  ]);
});

test('what is no list at all is told as a whole', () => {
  expect(problems('dhcp:\n  reservations: {mac: x}\n')).toEqual([
    'pxen.yaml:2: dhcp.reservations: got {"mac":"x"} (mapping), expected a list such as [{mac: "52:54:00:12:34:56", address: 10.77.0.50}]',
  ]);
});
