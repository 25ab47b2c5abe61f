import { describe, expect, test } from 'vitest';
import {
  addressesOf,
  countOf,
  executionOf,
  handleOf,
  hostNameOf,
  interfacesOf,
  osOf,
  pidOf,
  pieceOf,
  versionOf,
} from '../../../../src/wire/qmp/guest-answers.ts';

/** As qemu-ga 7.2 writes it. */
const INTERFACES = [
  {
    name: 'lo',
    'ip-addresses': [
      { 'ip-address-type': 'ipv4', 'ip-address': '127.0.0.1', prefix: 8 },
      { 'ip-address-type': 'ipv6', 'ip-address': '::1', prefix: 128 },
    ],
    'hardware-address': '00:00:00:00:00:00',
  },
  {
    name: 'eth0',
    'ip-addresses': [
      { 'ip-address-type': 'ipv4', 'ip-address': '10.77.0.100', prefix: 24 },
      { 'ip-address-type': 'ipv6', 'ip-address': 'fe80::5054:ff:fe12:3456', prefix: 64 },
    ],
    statistics: { 'rx-bytes': 1180 },
    'hardware-address': '52:54:00:12:34:5A',
  },
  { name: 'wg0' },
];

describe('interfaces', () => {
  test('are told with their addresses', () => {
    const interfaces = interfacesOf(INTERFACES);
    expect(interfaces).toEqual([
      { name: 'lo', mac: '00:00:00:00:00:00', addresses: ['127.0.0.1/8', '::1/128'] },
      { name: 'eth0', mac: '52:54:00:12:34:5a', addresses: ['10.77.0.100/24', 'fe80::5054:ff:fe12:3456/64'] },
      { name: 'wg0', mac: undefined, addresses: [] },
    ]);
    expect(addressesOf(interfaces)).toEqual(['10.77.0.100/24', 'fe80::5054:ff:fe12:3456/64']);
  });

  test.each<[string, unknown, unknown]>([
    ['no list', { name: 'eth0' }, []],
    ['no names', [{}, null, 7, { name: 5 }, { name: '' }], []],
    [
      'strange addresses',
      [
        {
          name: 'x',
          'hardware-address': 'nothing',
          'ip-addresses': [
            null,
            { 'ip-address': '\u001b[2J', prefix: 24 },
            { 'ip-address': '10.0.0.1', prefix: 1000 },
            { 'ip-address': '10.0.0.2', prefix: '24' },
            { 'ip-address': 5, prefix: 24 },
          ],
        },
      ],
      [{ name: 'x', mac: undefined, addresses: ['10.0.0.1', '10.0.0.2'] }],
    ],
  ])('of a strange guest: %s', (_, answer, expected) => {
    expect(interfacesOf(answer)).toEqual(expected);
  });

  test('have limits', () => {
    const many = Array.from({ length: 100 }, () => ({
      name: 'n'.repeat(1000),
      'ip-addresses': Array.from({ length: 100 }, () => ({ 'ip-address': '10.0.0.1', prefix: 24 })),
    }));
    const interfaces = interfacesOf(many);
    expect(interfaces.map(({ addresses, name }) => [name.length, addresses.length])).toEqual(
      Array.from({ length: 64 }, () => [64, 64]),
    );
    expect(addressesOf(interfaces).length).toBe(64);
  });
});

test.each<[unknown, (answer: unknown) => unknown, unknown]>([
  [{ version: '7.2.22', supported_commands: [] }, versionOf, '7.2.22'],
  [{ version: 7 }, versionOf, undefined],
  [{ 'host-name': 'web.example' }, hostNameOf, 'web.example'],
  [{ 'host-name': '' }, hostNameOf, undefined],
  [
    { 'pretty-name': 'Debian GNU/Linux 12 (bookworm)', name: 'Debian', 'kernel-release': '6.1.0' },
    osOf,
    'Debian GNU/Linux 12 (bookworm)',
  ],
  [{ name: 'Debian' }, osOf, 'Debian'],
  [{ 'kernel-release': '6.1.0-56-cloud-amd64' }, osOf, 'kernel 6.1.0-56-cloud-amd64'],
  [{ 'pretty-name': 'x'.repeat(1000) }, osOf, 'x'.repeat(256)],
  [undefined, osOf, undefined],
  [{ pid: 122 }, pidOf, 122],
  [{ pid: 1.5 }, pidOf, undefined],
  [1000, handleOf, 1000],
  [{}, handleOf, undefined],
  [{ count: 49152, eof: false }, countOf, 49152],
  [{ count: '1' }, countOf, undefined],
  [{ count: 3, 'buf-b64': 'YWJj', eof: false }, pieceOf, { content: 'YWJj', end: false }],
  [{ count: 0, 'buf-b64': '', eof: true }, pieceOf, { content: '', end: true }],
  [{ 'buf-b64': 'YWJ' }, pieceOf, undefined],
  [{ 'buf-b64': 'Y-_=' }, pieceOf, undefined],
])('of %j', (answer, read, expected) => {
  expect(read(answer)).toEqual(expected);
});

const ENDED = {
  exited: true,
  exitCode: undefined,
  signal: undefined,
  output: '',
  errors: '',
  truncated: false,
};

test.each<[unknown, unknown]>([
  [{ exited: false }, { exited: false }],
  [
    { exited: true, exitcode: 3, 'out-data': 'YQ==', 'err-data': 'Yg==' },
    { ...ENDED, exitCode: 3, output: 'YQ==', errors: 'Yg==' },
  ],
  [
    { exited: true, signal: 9 },
    { ...ENDED, signal: 9 },
  ],
  [
    { exited: true, exitcode: 0, 'err-truncated': true },
    { ...ENDED, exitCode: 0, truncated: true },
  ],
  [
    { exited: true, exitcode: 0, 'out-data': 'no base64', 'out-truncated': 1 },
    { ...ENDED, exitCode: 0 },
  ],
  [{ exited: 'yes' }, undefined],
  [null, undefined],
])('how a command is, of %j', (answer, expected) => {
  expect(executionOf(answer)).toEqual(expected);
});
