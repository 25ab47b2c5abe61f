import { describe, expect, test } from 'vitest';
import { MAX_WORKLOAD_BYTES } from '../../../../src/domain/workload/lines.ts';
import { parseWorkload } from '../../../../src/domain/workload/parse.ts';
import { codes, LEAST, messages, SEED, SMALL, well } from './config.ts';

describe('the example of the source document (MH-31)', () => {
  test('4 GiB, 2 vCPUs, the ISO, br0, VNC 5905', () => {
    expect(well(SEED).workload).toEqual({
      name: 'qemutest1',
      uuid: 'qweflmqwe23',
      engine: 'qemu',
      memory: { bytes: 4 * 1024 ** 3 },
      cpu: { threads: 2, mode: 'host' },
      volumes: [
        {
          id: 0,
          type: 'iso',
          path: '/tmp/alpine.iso',
          source: 'http://host0/isos/alpine-virt-3.21.3-x86_64.iso',
          writable: false,
          ephemeral: true,
        },
      ],
      nics: [{ id: 0, type: 'bridge', bridge: 'br0' }],
      console: { type: 'vnc', id: 5 },
      autostart: true,
      placement: {},
    });
  });

  test('every key has its line and its text', () => {
    const { lines, texts } = well(SEED);
    expect([...lines].map(([key, line]) => `${key}=${texts.get(key)} ${line}`)).toEqual(
      SEED.trimEnd()
        .split('\n')
        .map((line, index) => `${line} ${index + 1}`),
    );
  });
});

test('defaults are in the workload (MH-9, MH-15, MH-17, MH-25, MH-26)', () => {
  expect(well(SMALL).workload).toEqual({
    name: 'vm',
    uuid: 'u1',
    engine: 'qemu',
    memory: { bytes: 1024 ** 3 },
    cpu: { threads: 1, mode: 'host' },
    volumes: [{ id: 0, type: 'qcow2', path: '/tmp/disk.qcow2', writable: false, ephemeral: true }],
    nics: [{ id: 0, type: 'nat' }],
    console: { type: 'serial-tcp' },
    autostart: true,
    placement: {},
  });
});

test('all that can be written is in the workload', () => {
  const text = `${LEAST}platform.engine=qemu
platform.cpu.mode=Penryn-v1
platform.volume.10.type=iso
platform.volume.10.path=/tmp/b.iso
platform.volume.2.type=qcow2
platform.volume.2.path=/srv/vm/a,b=c.qcow2
platform.volume.2.source=https://example.org/a.qcow2?x=1#y
platform.volume.2.sha256=${'AB'.repeat(32)}
platform.volume.2.writable=1
platform.volume.2.ephemeral=0
network.7.type=nat
network.7.mac=52-54-00-AA-BB-CC
network.3.type=bridge
network.3.bridge=br-lan.1
runtime.boot= 10 ,2,n7
runtime.console.type=serial-tcp
runtime.console.id=0
runtime.autostart=0
placement.node=rack1-07
`;
  expect(well(text).workload).toMatchObject({
    cpu: { mode: 'Penryn-v1' },
    volumes: [
      {
        id: 2,
        path: '/srv/vm/a,b=c.qcow2',
        source: 'https://example.org/a.qcow2?x=1#y',
        sha256: 'ab'.repeat(32),
        writable: true,
        ephemeral: false,
      },
      { id: 10 },
    ],
    nics: [
      { id: 3, bridge: 'br-lan.1' },
      { id: 7, mac: '52:54:00:aa:bb:cc' },
    ],
    boot: [{ volume: 10 }, { volume: 2 }, { nic: 7 }],
    console: { type: 'serial-tcp', id: 0 },
    autostart: false,
    placement: { node: 'rack1-07' },
  });
});

describe('lines (MH-2)', () => {
  test.each([
    ['a value may have = and # in it', LEAST.replace('=vm', '=a=b # c'), 'a=b # c'],
    ['blanks around key and value are nothing', LEAST.replace('name=vm', '\t name \t=\t vm \t'), 'vm'],
    ['comments and blank lines are nothing', `# a=b\n\n  # \t c\n   \n${LEAST}#`, 'vm'],
    ['CRLF and a byte order mark are nothing', `\ufeff${LEAST.replaceAll('\n', '\r\n')}`, 'vm'],
    ['the last line may lack its line feed', LEAST.trimEnd(), 'vm'],
    ['the order is free', LEAST.trimEnd().split('\n').reverse().join('\n'), 'vm'],
  ])('%s', (_what, text, name) => {
    expect(well(text).workload.name).toBe(name);
  });

  test.each([
    ['name', 'f:5: line: got "name", expected key=value, or a comment that begins with #'],
    ['=1', 'f:5: line: got "=1", expected key=value, or a comment that begins with #'],
    ['; old', 'f:5: line: got "; old", expected key=value, or a comment that begins with #'],
    [
      'runtime.boot=0\u00071',
      'f:5: line: got "runtime.boot=0\\u00071", expected a line without control characters',
    ],
    ['# \u001b[2J', 'f:5: line: got "# \\u001b[2J", expected a line without control characters'],
    [
      'placement.node=\u0085x',
      'f:5: line: got "placement.node=\\u0085x", expected a line without control characters',
    ],
    [
      'placement.node=a\tb',
      'f:5: line: got "placement.node=a\\tb", expected no tab inside of a key or value',
    ],
    ['placement.node=\ufffd', 'f:5: line: got "placement.node=\ufffd", expected text in UTF-8'],
  ])('%j is no line', (line, message) => {
    expect(messages(`${LEAST}${line}\n`)).toEqual([message]);
    expect(codes(`${LEAST}${line}\n`)).toEqual(['5 line SYNTAX']);
  });

  test('a comment that is not in UTF-8 does no harm', () => {
    well(`# f\ufffdr Anna\n${LEAST}`);
  });

  test('a key that stands there twice names the first line; its other value counts for nothing', () => {
    expect(messages(`${LEAST}\nuuid=../x\n`)).toEqual([
      'f:6: uuid: got a second value "../x", expected one, it is on line 2',
    ]);
    expect(codes(`${LEAST}uuid=u1\n`)).toEqual(['5 uuid DUPLICATE_KEY']);
  });

  test.each([
    [
      'platform.memory',
      'f:5: platform.memory: got an unknown key, expected a known key; did you mean platform.memory.size?',
    ],
    [
      'platform.memroy.size',
      'f:5: platform.memroy.size: got an unknown key, expected a known key; did you mean platform.memory.size?',
    ],
    ['Name', 'f:5: Name: got an unknown key, expected a known key; did you mean name?'],
    [
      'platform.volume.3.pth',
      'f:5: platform.volume.3.pth: got an unknown key, expected a known key; did you mean platform.volume.3.path?',
    ],
    [
      'platform.volumes.12.path',
      'f:5: platform.volumes.12.path: got an unknown key, expected a known key; did you mean platform.volume.12.path?',
    ],
    [
      'platform.volume.type',
      'f:5: platform.volume.type: got an unknown key, expected a known key; did you mean platform.volume.0.type?',
    ],
    [
      'network.brigde',
      'f:5: network.brigde: got an unknown key, expected a known key; did you mean network.0.bridge?',
    ],
    [
      'runtime.boot.0',
      'f:5: runtime.boot.0: got an unknown key, expected a known key; did you mean runtime.boot?',
    ],
    ['a b"', 'f:5: "a b\\"": got an unknown key, expected a known key'],
    ['__proto__', 'f:5: __proto__: got an unknown key, expected a known key'],
    ['constructor', 'f:5: constructor: got an unknown key, expected a known key'],
    [`${'k'.repeat(90)}`, `f:5: "${'k'.repeat(77)}...": got an unknown key, expected a known key`],
  ])('%s is no key', (key, message) => {
    expect(messages(`${LEAST}${key}=1\n`)).toEqual([message]);
    expect(parseWorkload(`${LEAST}${key}=1\n`, 'f').problems[0]?.code).toBe('UNKNOWN_KEY');
  });

  test.each([
    ['platform.volume.a.type', '"a"'],
    ['platform.volume.<id>.path', '"<id>"'],
    ['platform.volume..path', '""'],
    ['platform.volume.00.path', '"00"'],
    ['platform.volume.1000.path', '"1000"'],
    ['network.-1.type', '"-1"'],
    ['network.eth0.bridge', '"eth0"'],
  ])('%s has no number for its id (MH-11, MH-20)', (key, id) => {
    expect(messages(`${LEAST}${key}=1\n`)).toEqual([
      `f:5: ${key}: got the id ${id}, expected a number from 0 to 999 without leading zeros`,
    ]);
  });

  test.each([
    ['one byte too many', '#'.repeat(MAX_WORKLOAD_BYTES + 1), 'at most 65536 bytes'],
    ['too many bytes in few characters', `#${'ä'.repeat(MAX_WORKLOAD_BYTES / 2)}`, 'at most 65536 bytes'],
    ['one line too many', '\n'.repeat(2001), 'at most 2000 lines'],
  ])('a file with %s is not read at all', (_what, text, limit) => {
    expect(messages(text)).toEqual([`f: file: got a longer file, expected ${limit}`]);
  });

  test('a file may be as large as the limits', () => {
    well(`${LEAST}${'#\n'.repeat(1996)}`);
    well(`${LEAST}#${'x'.repeat(MAX_WORKLOAD_BYTES - LEAST.length - 1)}`);
  });
});

describe('problems', () => {
  test('all of a file at once: by line, then the keys that are missing', () => {
    expect(messages('uuid=..\nwhat\nruntime.boot=n1\nruntime.autostart=\nnetwork.1.type=bridge\n')).toEqual([
      'f:1: uuid: got "..", expected a word of at most 64 letters, digits, dots, hyphens and underscores (not . or ..), because it names a folder',
      'f:2: line: got "what", expected key=value, or a comment that begins with #',
      'f:4: runtime.autostart: is empty, expected 1 or 0',
      'f: name: is missing, expected a name of at most 128 printable characters without /',
      'f: platform.memory.size: is missing, expected a whole number with K, M, G or T behind it such as 4G or 500M, more than 0 and at most 16T',
      'f: platform.cpu.threads: is missing, expected a whole number from 1 to 4096',
      'f: network.1.bridge: is missing, expected the name of a bridge such as br0, at most 15 bytes without blanks, / and :, because network.1.type=bridge',
    ]);
  });

  test('each has everything that a program wants', () => {
    expect(
      parseWorkload(`${LEAST}runtime.autostart=yes\nruntime.boot=\nplatform.volume.0.type=iso\n`, 'f')
        .problems,
    ).toEqual([
      {
        file: 'f',
        line: 5,
        key: 'runtime.autostart',
        code: 'BAD_VALUE',
        got: '"yes"',
        expected: '1 or 0',
        message: 'f:5: runtime.autostart: got "yes", expected 1 or 0',
      },
      {
        file: 'f',
        line: 6,
        key: 'runtime.boot',
        code: 'BAD_VALUE',
        got: '',
        expected: 'ids of volumes, and of NICs with an n before them, such as 1,0,n0',
        message:
          'f:6: runtime.boot: is empty, expected ids of volumes, and of NICs with an n before them, such as 1,0,n0',
      },
      {
        file: 'f',
        key: 'platform.volume.0.path',
        code: 'MISSING_KEY',
        expected: 'an absolute path on the node such as /tmp/alpine.iso',
        message:
          'f: platform.volume.0.path: is missing, expected an absolute path on the node such as /tmp/alpine.iso',
      },
    ]);
  });

  test('a file with a problem has no workload, but its lines are known', () => {
    const { workload, lines } = parseWorkload(`${LEAST}runtime.autostart=yes\n`, 'f');
    expect([workload, lines.get('runtime.autostart')]).toEqual([undefined, 5]);
  });

  test('an empty file lacks the four keys that all must have (X-3)', () => {
    expect(codes('')).toEqual([
      '- name MISSING_KEY',
      '- uuid MISSING_KEY',
      '- platform.memory.size MISSING_KEY',
      '- platform.cpu.threads MISSING_KEY',
    ]);
  });
});

test('10,000 files are parsed in well under 2 s of processor time', () => {
  const before = process.cpuUsage();
  for (let file = 0; file < 10_000; file++) parseWorkload(SEED, 'f');
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1e6).toBeLessThan(2);
});
