import { describe, expect, test } from 'vitest';
import type { MachineId } from '../../../../src/domain/machine/genid.ts';
import { machineLayer, siteLayer } from '../../../../src/domain/overlay/builtin.ts';
import type { Layer } from '../../../../src/domain/overlay/layer.ts';
import { octal } from '../../../../src/domain/overlay/steps.ts';

const site = {
  httpBase: 'http://10.77.0.1:8080',
  address: '10.77.0.1',
  publicKey: 'ssh-ed25519 AAAA pxen@host0',
  interval: 10,
};
const credentials = { hostKeyPrivate: 'PRIVATE\n', hostKeyPublic: 'ssh-ed25519 BBBB', token: 'secret' };

function show(layer: Layer): Record<string, string> {
  return Object.fromEntries(
    layer.items.map(item => [
      item.target,
      `${'mode' in item ? octal(item.mode.permissions) : ''}${'content' in item ? ` ${new TextDecoder().decode(item.content)}` : ''}`,
    ]),
  );
}

describe('built-in layers', () => {
  test('every node knows host0 and lets it in, and learns no secret', () => {
    expect(show(siteLayer(site))).toEqual({
      '/etc/hosts':
        '0644 127.0.0.1\tlocalhost localhost.localdomain\n::1\tlocalhost localhost.localdomain\n10.77.0.1\thost0\n',
      '/root/.ssh': '0700',
      '/root/.ssh/authorized_keys': '0600 ssh-ed25519 AAAA pxen@host0\n',
      '/etc/pxen/agent.json': '0600 {"host0":"http://10.77.0.1:8080","interval":10}\n',
      '/etc/pxen/overlay.json': '0644 ',
    });
  });

  test('a machine with a folder also has its name, its host key and its credential', () => {
    expect(
      show(machineLayer(site, { id: '1a2b3c4d' as MachineId, folder: 'rack1-07', credentials })),
    ).toEqual({
      '/etc/hostname': '0644 rack1-07\n',
      '/etc/ssh/ssh_host_ed25519_key': '0600 PRIVATE\n',
      '/etc/ssh/ssh_host_ed25519_key.pub': '0644 ssh-ed25519 BBBB\n',
      '/etc/pxen/agent.json':
        '0600 {"host0":"http://10.77.0.1:8080","id":"1a2b3c4d","token":"secret","interval":10}\n',
    });
  });

  test.each([
    ['n1', true],
    ['n1.lab.example', true],
    ['my node', false],
    ['-n1', false],
    ['n_1', false],
    ['n1.', false],
    ['x'.repeat(64), false],
  ])('a folder named %j names its machine: %s', (folder, named) => {
    const layer = machineLayer(site, { id: '1a2b3c4d' as MachineId, folder, credentials });
    expect('/etc/hostname' in show(layer)).toBe(named);
  });
});
