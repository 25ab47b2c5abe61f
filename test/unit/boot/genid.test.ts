import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PLACEHOLDER_UUIDS } from '../../../src/domain/machine/genid.ts';
import { machineRoot, PACKAGE, run, SHELLS } from './shell.ts';

interface Vector {
  readonly name: string;
  readonly uuid: string;
  readonly mac: string;
  readonly id: string;
  readonly source: 'uuid' | 'mac';
}

const GENID = join(PACKAGE, 'apkovl/usr/bin/genid');
const vectors: readonly Vector[] = JSON.parse(readFileSync(join(PACKAGE, 'test/vectors/genid.json'), 'utf8'));

function machine(uuid: string, mac: string): string {
  return machineRoot({
    'sys/class/dmi/id/product_uuid': `${uuid}\n`,
    'proc/cmdline': `quiet BOOTIF=01-${mac.replaceAll(':', '-')} ip=dhcp\n`,
  });
}

describe.each(SHELLS)('genid under %s', (...shell) => {
  const genid = (root: string, ...args: string[]) => run(shell, [GENID, ...args], { ROOT: root });

  test.each(vectors)('$name', ({ uuid, mac, id, source }) => {
    const root = machine(uuid, mac);
    expect(genid(root, 'machine', '8')).toEqual({ code: 0, out: `${id}\n`, err: '' });
    expect(genid(root, 'machine', '8', '--source').out).toBe(`${source}\n`);
  });

  test('knows every placeholder that the TypeScript twin knows', () => {
    const sources = [...PLACEHOLDER_UUIDS].map(uuid =>
      genid(machine(uuid, '00:1b:21:3c:4d:5e'), 'machine', '8', '--source').out.trim(),
    );
    expect(sources).toEqual(sources.map(() => 'mac'));
  });

  test('without BOOTIF takes the first network card with hardware behind it', () => {
    const root = machineRoot({
      'proc/cmdline': 'quiet\n',
      'sys/class/net/br0/address': '02:00:00:00:00:01\n',
      'sys/class/net/eth0/address': '52:54:00:12:34:56\n',
      'sys/class/net/eth0/device/vendor': '0x1af4\n',
      'sys/class/net/eth1/address': '52:54:00:ff:ff:ff\n',
      'sys/class/net/eth1/device/vendor': '0x1af4\n',
    });
    expect(genid(root, 'machine', '8').out).toBe('58901eb1\n');
  });

  test('says so when a machine has nothing to be known by', () => {
    expect(genid(machineRoot({}), 'machine', '8')).toEqual({
      code: 1,
      out: '',
      err: 'genid: this machine has neither a usable SMBIOS UUID nor a network card\n',
    });
  });

  test('refuses other calls with its usage', () => {
    expect(genid(machineRoot({}), 'machine', '9')).toEqual({
      code: 2,
      out: '',
      err: 'usage: genid machine 8 [--source]\n',
    });
  });
});
