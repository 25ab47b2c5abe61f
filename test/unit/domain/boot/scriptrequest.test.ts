import { describe, expect, test } from 'vitest';
import { scriptRequestFromName, scriptRequestFromQuery } from '../../../../src/domain/boot/scriptrequest.ts';

const UUID = '11223344-5566-7788-99aa-bbccddeeff00';
const MAC = '52:54:00:12:34:56';

describe('over HTTP', () => {
  const parsed = (query: string) => scriptRequestFromQuery(new URLSearchParams(query));

  test.each([
    [
      'what iPXE sends',
      `uuid=${UUID}&mac=52-54-00-12-34-56&serial=ABC%20123&platform=efi`,
      { uuid: UUID, mac: MAC, serial: 'ABC 123', platform: 'efi' },
    ],
    [
      'upper case',
      `uuid=${UUID.toUpperCase()}&mac=52:54:00:12:34:56`,
      { uuid: UUID, mac: MAC, serial: '', platform: '' },
    ],
    ['no UUID', 'uuid=&mac=525400123456', { uuid: '', mac: MAC, serial: '', platform: '' }],
    [
      'no UUID but text in its place',
      'uuid=Not%20Specified&mac=525400123456',
      { uuid: '', mac: MAC, serial: '', platform: '' },
    ],
    [
      'a UUID with a command behind it',
      `uuid=${UUID}%0Ashell&mac=525400123456`,
      { uuid: '', mac: MAC, serial: '', platform: '' },
    ],
    [
      'fields that nobody knows',
      'mac=525400123456&x=1&uuid[]=2',
      { uuid: '', mac: MAC, serial: '', platform: '' },
    ],
    [
      'control characters and too much of it',
      `mac=525400123456&serial=a%0a%1b%00${'b'.repeat(100)}&platform=%e2%82%ac%7f`,
      { uuid: '', mac: MAC, serial: `a${'b'.repeat(63)}`, platform: '' },
    ],
  ])('%s', (_, query, request) => expect(parsed(query)).toEqual(request));

  test.each(['', 'uuid=x', 'mac=', 'mac=525400', 'mac=525400123456%0a'])(
    '%j is the first question of an iPXE',
    query => {
      expect(parsed(query)).toBeUndefined();
    },
  );
});

describe('over TFTP', () => {
  test.each([
    [`boot.ipxe/${UUID}/52-54-00-12-34-56`, { uuid: UUID, mac: MAC, serial: '', platform: '' }],
    [
      `/boot.ipxe/${UUID.toUpperCase()}/52:54:00:12:34:56`,
      { uuid: UUID, mac: MAC, serial: '', platform: '' },
    ],
    ['boot.ipxe//52-54-00-12-34-56', { uuid: '', mac: MAC, serial: '', platform: '' }],
    ['boot.ipxe/11223344-5566/52-54-00-12-34-56', { uuid: '', mac: MAC, serial: '', platform: '' }],
  ])('%s tells the machine', (name, request) => expect(scriptRequestFromName(name)).toEqual(request));

  test.each(['boot.ipxe', '/boot.ipxe', 'boot.ipxe//52-54-00-12-34-5-'])('%s is the first question', name => {
    expect(scriptRequestFromName(name)).toBeUndefined();
  });

  test.each([
    '',
    'boot/vmlinuz',
    'boot.ipxe/',
    'boot.ipxe/a',
    `boot.ipxe/${UUID}/x`,
    'boot.ipxe/../52-54-00-12-34-56',
    `boot.ipxe/${UUID}/52-54-00-12-34-56\nshell`,
    'xboot.ipxe',
  ])('%j is no script', name => expect(scriptRequestFromName(name)).toBeNull());
});
