import { describe, expect, test } from 'vitest';
import { codes, LEAST, messages, SMALL, well } from './config.ts';

const ISO = `${LEAST}platform.volume.0.type=iso\nplatform.volume.0.path=/tmp/a.iso\n`;

/** Rules of more than one key: a file that keeps it; what is added or changed; the code, and the whole message. */
const RULES: readonly (readonly [rule: string, good: string, bad: string, code: string, message: string])[] =
  [
    [
      'MH-4: a name is required',
      LEAST,
      LEAST.replace('name=vm\n', ''),
      '- name MISSING_KEY',
      'f: name: is missing, expected a name of at most 128 printable characters without /',
    ],
    [
      'MH-5: a uuid is required',
      LEAST,
      LEAST.replace('uuid=u1\n', ''),
      '- uuid MISSING_KEY',
      'f: uuid: is missing, expected a word of at most 64 letters, digits, dots, hyphens and underscores (not . or ..), because it names a folder',
    ],
    [
      'X-3: memory is required',
      LEAST,
      LEAST.replace('platform.memory.size=1G\n', ''),
      '- platform.memory.size MISSING_KEY',
      'f: platform.memory.size: is missing, expected a whole number with K, M, G or T behind it such as 4G or 500M, more than 0 and at most 16T',
    ],
    [
      'X-3: vCPUs are required',
      LEAST,
      LEAST.replace('platform.cpu.threads=1\n', ''),
      '- platform.cpu.threads MISSING_KEY',
      'f: platform.cpu.threads: is missing, expected a whole number from 1 to 4096',
    ],
    [
      'MH-12: a volume has a type',
      SMALL,
      SMALL.replace('platform.volume.0.type=qcow2\n', ''),
      '- platform.volume.0.type MISSING_KEY',
      'f: platform.volume.0.type: is missing, expected qcow2 or iso',
    ],
    [
      'MH-13: a volume has a path',
      SMALL,
      SMALL.replace('platform.volume.0.path=/tmp/disk.qcow2\n', ''),
      '- platform.volume.0.path MISSING_KEY',
      'f: platform.volume.0.path: is missing, expected an absolute path on the node such as /tmp/alpine.iso',
    ],
    [
      'MH-20: a NIC has a type',
      SMALL,
      `${LEAST}network.4.mac=52:54:00:12:34:56\n`,
      '- network.4.type MISSING_KEY',
      'f: network.4.type: is missing, expected bridge or nat',
    ],
    [
      'MH-21: a NIC on a bridge names it',
      `${LEAST}network.0.type=bridge\nnetwork.0.bridge=br0\n`,
      `${LEAST}network.0.type=bridge\n`,
      '- network.0.bridge MISSING_KEY',
      'f: network.0.bridge: is missing, expected the name of a bridge such as br0, at most 15 bytes without blanks, / and :, because network.0.type=bridge',
    ],
    [
      'MH-22: nat needs no bridge and has none',
      SMALL,
      `${SMALL}network.0.bridge=br0\n`,
      '8 network.0.bridge CONFLICT',
      'f:8: network.0.bridge: got "br0", expected no bridge with network.0.type=nat',
    ],
    [
      'MH-16: a CD-ROM is not writable',
      `${ISO}platform.volume.0.writable=0\n`,
      `${ISO}platform.volume.0.writable=1\n`,
      '7 platform.volume.0.writable CONFLICT',
      'f:7: platform.volume.0.writable: got "1", expected 0 with platform.volume.0.type=iso, because CD-ROMs are read-only',
    ],
    [
      'a checksum is that of a source',
      `${ISO}platform.volume.0.sha256=${'0'.repeat(64)}\nplatform.volume.0.source=/a.iso\n`,
      `${ISO}platform.volume.0.sha256=${'0'.repeat(64)}\n`,
      '7 platform.volume.0.sha256 CONFLICT',
      `f:7: platform.volume.0.sha256: got "${'0'.repeat(64)}", expected no checksum without platform.volume.0.source`,
    ],
    [
      'a volume is not fetched from itself',
      `${ISO}platform.volume.0.source=/tmp/b.iso\n`,
      `${ISO}platform.volume.0.source=/tmp/a.iso\n`,
      '7 platform.volume.0.source CONFLICT',
      'f:7: platform.volume.0.source: got "/tmp/a.iso", expected another file than platform.volume.0.path',
    ],
    [
      'two volumes are two files',
      `${ISO}platform.volume.1.type=iso\nplatform.volume.1.path=/tmp/b.iso\n`,
      `${ISO}platform.volume.1.type=iso\nplatform.volume.1.path=/tmp/a.iso\n`,
      '8 platform.volume.1.path CONFLICT',
      'f:8: platform.volume.1.path: got "/tmp/a.iso", expected another one than platform.volume.0.path (line 6)',
    ],
    [
      'two NICs have two MAC addresses, however they are written',
      `${SMALL}network.0.mac=52:54:00:00:00:01\nnetwork.1.type=nat\nnetwork.1.mac=52:54:00:00:00:02\n`,
      `${SMALL}network.0.mac=52:54:00:00:00:0a\nnetwork.1.type=nat\nnetwork.1.mac=52-54-00-00-00-0A\n`,
      '10 network.1.mac CONFLICT',
      'f:10: network.1.mac: got "52-54-00-00-00-0A", expected another one than network.0.mac (line 8)',
    ],
    [
      'MH-24: the boot order names volumes of the file',
      `${SMALL}runtime.boot=0\n`,
      `${SMALL}runtime.boot=n0,0,1\n`,
      '8 runtime.boot BAD_REFERENCE',
      'f:8: runtime.boot: got "1", expected a volume or NIC of this file (0, n0)',
    ],
    [
      'MH-24: the boot order names NICs of the file',
      `${SMALL}runtime.boot=n0\n`,
      `${SMALL}runtime.boot=0,n1\n`,
      '8 runtime.boot BAD_REFERENCE',
      'f:8: runtime.boot: got "n1", expected a volume or NIC of this file (0, n0)',
    ],
    [
      'MH-24: a file without volumes and NICs has nothing to name',
      LEAST,
      `${LEAST}runtime.boot=0\n`,
      '5 runtime.boot BAD_REFERENCE',
      'f:5: runtime.boot: got "0", expected a volume or NIC of this file (it has none)',
    ],
    [
      'MH-29: vnc needs an id',
      `${LEAST}runtime.console.type=vnc\nruntime.console.id=0\n`,
      `${LEAST}runtime.console.type=vnc\n`,
      '- runtime.console.id MISSING_KEY',
      'f: runtime.console.id: is missing, expected a whole number such as 5; the port is 5900+id (vnc) or 7900+id (serial-tcp), because runtime.console.type=vnc',
    ],
    [
      'MH-29: the port of vnc is a port',
      `${LEAST}runtime.console.type=vnc\nruntime.console.id=59635\n`,
      `${LEAST}runtime.console.type=vnc\nruntime.console.id=59636\n`,
      '6 runtime.console.id BAD_VALUE',
      'f:6: runtime.console.id: got "59636", expected at most 59635 with runtime.console.type=vnc, because the port is 5900+id',
    ],
    [
      'MH-27: the port of the serial console is a port',
      `${LEAST}runtime.console.id=57635\n`,
      `${LEAST}runtime.console.id=57636\n`,
      '5 runtime.console.id BAD_VALUE',
      'f:5: runtime.console.id: got "57636", expected at most 57635 with runtime.console.type=serial-tcp, because the port is 7900+id',
    ],
    [
      'MH-28: serial-socket has no id',
      `${LEAST}runtime.console.type=serial-socket\n`,
      `${LEAST}runtime.console.id=5\nruntime.console.type=serial-socket\n`,
      '5 runtime.console.id CONFLICT',
      'f:5: runtime.console.id: got "5", expected no id with runtime.console.type=serial-socket',
    ],
    [
      'a node tells of 64 volumes at most',
      LEAST + volumes(64),
      LEAST + volumes(65),
      '133 platform.volume.64.type NOT_SUPPORTED',
      'f:133: platform.volume.64.type: got one volume more, expected at most 64 volumes',
    ],
    [
      'a node tells of 64 NICs at most',
      LEAST + nics(64),
      LEAST + nics(65),
      '69 network.64.type NOT_SUPPORTED',
      'f:69: network.64.type: got one NIC more, expected at most 64 NICs',
    ],
  ];

function volumes(count: number): string {
  return Array.from(
    { length: count },
    (_, id) => `platform.volume.${id}.type=qcow2\nplatform.volume.${id}.path=/tmp/${id}\n`,
  ).join('');
}

function nics(count: number): string {
  return Array.from({ length: count }, (_, id) => `network.${id}.type=nat\n`).join('');
}

describe.each(RULES)('%s', (_rule, good, bad, code, message) => {
  test('kept', () => {
    well(good);
  });

  test('broken', () => {
    expect([codes(bad), messages(bad)]).toEqual([[code], [message]]);
  });
});

describe('a value that is bad in itself', () => {
  test.each([
    [
      'brings no rule about its type with it',
      `${LEAST}network.0.type=tap\nnetwork.0.bridge=br0\n`,
      '5 network.0.type',
    ],
    ['is there', `${LEAST}runtime.console.type=vnc\nruntime.console.id=x\n`, '6 runtime.console.id'],
    [
      'leaves the console alone',
      `${LEAST}runtime.console.type=x\nruntime.console.id=5\n`,
      '5 runtime.console.type',
    ],
    [
      'defines its volume',
      `${SMALL.replace('qcow2\n', 'raw\n')}runtime.boot=0\n`,
      '5 platform.volume.0.type',
    ],
    [
      'of a path is no second path',
      `${SMALL}platform.volume.1.type=iso\nplatform.volume.1.path=../x\n`,
      '9 platform.volume.1.path',
    ],
    [
      'of a source is no checksum without one',
      `${SMALL}platform.volume.0.source=x\nplatform.volume.0.sha256=${'0'.repeat(64)}\n`,
      '8 platform.volume.0.source',
    ],
  ])('%s', (_what, text, place) => {
    expect(codes(text)).toEqual([`${place} BAD_VALUE`]);
  });

  test('every boot entry that is not there is a problem of its own', () => {
    expect(messages(`${SMALL}runtime.boot=3,0,n7\n`)).toEqual([
      'f:8: runtime.boot: got "3", expected a volume or NIC of this file (0, n0)',
      'f:8: runtime.boot: got "n7", expected a volume or NIC of this file (0, n0)',
    ]);
  });
});

test('an unknown key defines no volume', () => {
  expect(codes(`${LEAST}platform.volume.5.paht=/a\n`)).toEqual(['5 platform.volume.5.paht UNKNOWN_KEY']);
});
