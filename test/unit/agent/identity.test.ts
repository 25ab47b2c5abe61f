import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bootMacOf, findIdentity } from '../../../src/agent/identity.ts';
import { treeUnder } from '../../../src/agent/tree.ts';

const sha256 = (data: Uint8Array): Uint8Array => createHash('sha256').update(data).digest();
const find = (name: string) =>
  findIdentity(treeUnder(join(import.meta.dirname, '../../fixtures/nodes', name)), sha256);

test('a server is known by its SMBIOS UUID, and boots from the card that BOOTIF names', () => {
  expect(find('server')).toEqual({
    id: '6e6da274',
    uuid: '4c4c4544-0042-3510-8054-b7c04f4e3332',
    bootMac: '3c:ec:ef:00:00:02',
    macs: ['3c:ec:ef:00:00:02', '3c:ec:ef:00:00:01'],
  });
});

test('a machine with a placeholder UUID is known by its first card', () => {
  expect(find('bare')).toMatchObject({ id: '58901eb1', bootMac: '52:54:00:12:34:56' });
});

test('a machine without a card is nobody yet', () => {
  expect(find('no-such-folder')).toBeUndefined();
});

test.each([
  ['quiet BOOTIF=01-52-54-00-AB-cd-01 x', '52:54:00:ab:cd:01'],
  ['BOOTIF=52:54:00:12:34:56', undefined],
  ['BOOTIF=01-52-54-00-12-34', undefined],
  ['XBOOTIF=01-52-54-00-12-34-56', undefined],
  ['', undefined],
])('the boot card in %j is %s', (cmdline, mac) => {
  expect(bootMacOf(cmdline)).toBe(mac);
});

test('virtual functions of a card are no cards of the machine', () => {
  const real = treeUnder(join(import.meta.dirname, '../../fixtures/nodes/server'));
  const isVirtual = '/sys/class/net/eth0/device/physfn';
  const tree = { ...real, exists: (path: string) => path === isVirtual || real.exists(path) };
  expect(findIdentity(tree, sha256)?.macs).toEqual(['3c:ec:ef:00:00:02']);
});
