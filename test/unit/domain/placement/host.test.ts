import { expect, test } from 'vitest';
import { type Ipv4, parseIpv4 } from '../../../../src/base/ipv4.ts';
import { parseHostState, parseLibvirtUri, translated } from '../../../../src/domain/placement/host.ts';

test.each([
  ['Enabled', 'enabled'],
  ['No Scheduling', 'no-scheduling'],
  ['no-scheduling', 'no-scheduling'],
  ['DISABLED', 'disabled'],
  ['off', undefined],
  ['', undefined],
])('the state %j is %j', (text, state) => {
  expect(parseHostState(text)).toBe(state);
});

test.each([
  ['qemu:///system', {}],
  ['qemu+ssh://h1/system', { ssh: { host: 'h1' } }],
  [
    'qemu+ssh://root@h1.example.org:2222/system',
    { ssh: { user: 'root', host: 'h1.example.org', port: 2222 } },
  ],
  ['qemu+ssh://10.0.0.1/system', { ssh: { host: '10.0.0.1' } }],
  ['qemu+ssh://h1:0/system', undefined],
  ['qemu+ssh://h1:70000/system', undefined],
  ['qemu+ssh://-oProxyCommand=x/system', undefined],
  ['qemu+ssh://-F@h1/system', undefined],
  ['qemu+ssh://h1/session', undefined],
  ['xen:///system', undefined],
])('the libvirt connection %j', (text, uri) => {
  expect(parseLibvirtUri(text)).toEqual(uri);
});

test('a VM behind static address translation is reached at the base port plus its last octet (TC-42)', () => {
  const [address, vm] = ['192.0.2.7', '10.1.2.45'].map(parseIpv4) as [Ipv4, Ipv4];
  expect(translated({ address, basePort: 20_000 }, vm)).toEqual({ address, port: 20_045 });
});
