import { describe, expect, test } from 'vitest';
import {
  AGENT_ENGINES,
  CAPABILITIES,
  ENGINE_LIMITS,
  ENGINES,
  type Engine,
} from '../../../../src/domain/vm/capabilities.ts';
import { KEYS, keyOf } from '../../../../src/domain/workload/keys.ts';
import { parseWorkload } from '../../../../src/domain/workload/parse.ts';
import { asksFor } from '../../../../src/domain/workload/support.ts';
import { LEAST } from './config.ts';

/** `CODE message` of what a file asks too much of an engine. */
function problemsOf(text: string, engine: Engine): string[] {
  return parseWorkload(text, 'f', engine).problems.map(({ code, message }) => `${code} ${message}`);
}

const DISK = `platform.volume.0.type=qcow2\nplatform.volume.0.path=/tmp/a\n`;

/** What other keys a key needs beside it. */
const COMPANY: Readonly<Record<string, string>> = {
  'platform.kernel.append': 'platform.kernel.image=/srv/vmlinuz\n',
  'platform.kernel.initrd': 'platform.kernel.image=/srv/vmlinuz\n',
  'platform.vsock.alias': 'platform.vsock.cid=3\n',
  'runtime.console.virtio.0.alias': 'runtime.console.virtio.0.path=a\n',
  'network.0.qos.unit': 'network.0.qos.rate=1\n',
  'runtime.console.type': 'runtime.console.id=5\n',
  'runtime.boot': `${DISK}${DISK.replaceAll('0', '1').replace('tmp/a', 'tmp/b')}network.0.type=bridge\nnetwork.0.bridge=br0\n`,
};

function companyOf(key: string): string {
  const parts = [COMPANY[key] ?? ''];
  if (key.startsWith('platform.volume.0.') && !key.endsWith('.type')) parts.push(DISK);
  if (key === 'platform.volume.0.type') parts.push('platform.volume.0.path=/tmp/a\n');
  if (key.endsWith('.iothread')) parts.push('platform.iothread.0=io1\n');
  if (key.startsWith('network.0.') && !key.endsWith('.type'))
    parts.push('network.0.type=bridge\nnetwork.0.bridge=br0\n');
  return parts.join('');
}

/** Every value that every capability is about, with the engines that turn it down. */
const ASKED = CAPABILITIES.flatMap(capability =>
  capability.keys.flatMap(pattern => {
    const part = pattern.includes('<arg>') ? 'rtc' : pattern.includes('<k>') ? 'role' : 0;
    const example = KEYS[pattern].example;
    const values = capability.only ?? [capability.except?.includes(example) ? '' : example];
    return values.map(value => ({ capability, key: keyOf(pattern, part), value }));
  }),
);

describe('what an engine cannot do is refused by key and engine, what it can do is not (checklist 5.2)', () => {
  test.each(ASKED.map(asked => [`${asked.key}=${asked.value}`, asked] as const))('%s', (_name, asked) => {
    const { capability, key, value } = asked;
    const text = `${LEAST}${key}=${value}\n${companyOf(key)}`;
    for (const engine of ENGINES) {
      const support = capability.engines[engine];
      const instead = (capability.only ?? capability.except) ? 'another value' : 'no such key';
      const refusal = `NOT_SUPPORTED f:5: ${key}: got "${value}", expected ${instead} with platform.engine=${engine}: ${support}`;
      const own = problemsOf(text, engine).filter(problem => problem.includes(` f:5: ${key}: `));
      expect([engine, own]).toEqual([engine, support === true ? [] : [refusal]]);
    }
  });

  test('every value of a capability is a value of its key, and no value is asked for twice', () => {
    for (const { capability, key, value } of ASKED) {
      const pattern = capability.keys.find(each => keyOf(each, /rtc|role/.exec(key)?.[0] ?? 0) === key);
      if (!pattern) throw new Error(`${key} has no pattern`);
      expect([key, KEYS[pattern].read(value)]).toEqual([key, { value: expect.anything() }]);
      const asking = CAPABILITIES.filter(each => asksFor(each, pattern, value));
      expect([key, value, asking.map(({ what }) => what)]).toEqual([key, value, [capability.what]]);
    }
  });

  test('no engine is left without a word, and no reason is empty', () => {
    for (const { engines, what } of CAPABILITIES)
      expect([what, Object.entries(engines).filter(([, support]) => support === '')]).toEqual([what, []]);
  });
});

test('the engine of the file counts where no other one is named', () => {
  const text = `${LEAST}platform.engine=stratovirt\nruntime.boot=n0\nnetwork.0.type=nat\n`;
  expect(parseWorkload(text, 'f').problems.map(({ key }) => key)).toEqual([
    'runtime.boot',
    'network.0.type',
    'platform.kernel.image',
  ]);
  expect(parseWorkload(text, 'f', 'qemu')).toMatchObject({ problems: [], workload: { engine: 'qemu' } });
  expect(parseWorkload(text, 'f', 'any')).toMatchObject({ problems: [], workload: { engine: 'stratovirt' } });
});

describe('the limits of StratoVirt', () => {
  const KERNEL = 'platform.kernel.image=/srv/vmlinuz\nplatform.kernel.initrd=/srv/initrd\n';
  const least = (memory = '256M', threads = '1'): string =>
    `name=vm\nuuid=u1\nplatform.memory.size=${memory}\nplatform.cpu.threads=${threads}\n`;
  const WELL = `${least()}${KERNEL}`;
  const ROOTED = `${least()}platform.kernel.image=/srv/vmlinuz\nplatform.kernel.append=root=/dev/vda\n`;
  const many = (count: number, lines: (id: number) => string): string =>
    Array.from({ length: count }, (_, id) => lines(id)).join('');
  const disks = (count: number): string =>
    many(count, id => `platform.volume.${id}.type=qcow2\nplatform.volume.${id}.path=/srv/${id}\n`);
  const nics = (count: number): string =>
    many(count, id => `network.${id}.type=bridge\nnetwork.${id}.bridge=br0\n`);
  const consoles = (count: number): string => many(count, id => `runtime.console.virtio.${id}.path=s${id}\n`);

  /** A limit: what is just inside of it, what is just outside, and the code and whole message of that. */
  test.each([
    [
      'SV-1: 254 vCPUs',
      `${least('256M', '254')}${KERNEL}`,
      `${least('256M', '255')}${KERNEL}`,
      'BAD_VALUE f:4: platform.cpu.threads: got "255", expected 1 to 254 with platform.engine=stratovirt',
    ],
    [
      'SV-2: at least 256 MiB',
      WELL,
      `${least('255M')}${KERNEL}`,
      'BAD_VALUE f:3: platform.memory.size: got "255M", expected 256M to 512G, a multiple of 1M, with platform.engine=stratovirt',
    ],
    [
      'SV-2: at most 512 GiB',
      `${least('512G')}${KERNEL}`,
      `${least('524289M')}${KERNEL}`,
      'BAD_VALUE f:3: platform.memory.size: got "524289M", expected 256M to 512G, a multiple of 1M, with platform.engine=stratovirt',
    ],
    [
      'SV-2: whole MiB',
      `${least('262144K')}${KERNEL}`,
      `${least('262145K')}${KERNEL}`,
      'BAD_VALUE f:3: platform.memory.size: got "262145K", expected 256M to 512G, a multiple of 1M, with platform.engine=stratovirt',
    ],
    [
      'SV-3: 6 disks',
      `${WELL}${disks(6)}`,
      `${WELL}${disks(7)}`,
      'NOT_SUPPORTED f:19: platform.volume.6.type: got one more, expected at most 6 volumes with platform.engine=stratovirt: it has slots for so many',
    ],
    [
      'SV-3: 2 NICs',
      `${WELL}${nics(2)}`,
      `${WELL}${nics(3)}`,
      'NOT_SUPPORTED f:11: network.2.type: got one more, expected at most 2 NICs with platform.engine=stratovirt: it has slots for so many',
    ],
    [
      'SV-5: 2 other devices: consoles',
      `${WELL}${consoles(2)}`,
      `${WELL}${consoles(3)}`,
      'NOT_SUPPORTED f:9: runtime.console.virtio.2.path: got one more, expected at most 2 virtio-consoles, vsock and balloon with platform.engine=stratovirt: 6 volumes, 2 NICs and the serial port have their places among its devices in any case',
    ],
    [
      'SV-5: 2 other devices: one of each',
      `${WELL}platform.vsock.cid=3\nplatform.vsock.alias=v\nplatform.balloon=fixed\n`,
      `${WELL}platform.vsock.cid=3\nplatform.vsock.alias=v\nplatform.balloon=fixed\n${consoles(1)}`,
      'NOT_SUPPORTED f:10: runtime.console.virtio.0.path: got one more, expected at most 2 virtio-consoles, vsock and balloon with platform.engine=stratovirt: 6 volumes, 2 NICs and the serial port have their places among its devices in any case',
    ],
    [
      'SV-6: a kernel',
      WELL,
      least(),
      'MISSING_KEY f: platform.kernel.image: is missing, expected an absolute path on the node such as /srv/vm/vmlinuz, with platform.engine=stratovirt: it boots a kernel and nothing else',
    ],
    [
      'SV-6: a disk or an initial RAM disk',
      `${ROOTED}${disks(1)}`,
      ROOTED,
      'MISSING_KEY f: platform.kernel.initrd: is missing, expected an absolute path on the node such as /srv/vm/initrd.img, or a platform.volume.<id>, with platform.engine=stratovirt: it starts no kernel without a root file system',
    ],
    [
      'SV-6: kernel arguments where there is no initial RAM disk',
      `${ROOTED}${disks(1)}`,
      `${ROOTED.replace(/^.*append.*\n/m, '')}${disks(1)}`,
      'MISSING_KEY f: platform.kernel.append: is missing, expected kernel arguments such as console=ttyS0 root=/dev/vda, at most 2047 ASCII characters, with platform.engine=stratovirt: it starts no kernel without a root file system',
    ],
    [
      'SV-6: the kernel is told which disk has its root',
      `${ROOTED.replace('append=', 'append=quiet ')}${disks(1)}`,
      `${ROOTED.replace('append=root', 'append=noroot')}${disks(1)}`,
      'BAD_VALUE f:6: platform.kernel.append: got "noroot=/dev/vda", expected root= in it such as root=/dev/vda, with platform.engine=stratovirt: it starts no kernel without a root file system',
    ],
    [
      'SV-19: 8 iothreads',
      `${WELL}${many(8, id => `platform.iothread.${id}=t${id}\n`)}`,
      `${WELL}${many(9, id => `platform.iothread.${id}=t${id}\n`)}`,
      'NOT_SUPPORTED f:15: platform.iothread.8: got one more, expected at most 8 iothreads with platform.engine=stratovirt: it starts so many threads',
    ],
    [
      'X-9: it cannot escape a comma in the path of a disk',
      `${WELL}${disks(1)}`,
      `${WELL}${disks(1).replace('/srv/0', '/srv/a,b')}`,
      'NOT_SUPPORTED f:8: platform.volume.0.path: got "/srv/a,b", expected a text without commas and without = at its end with platform.engine=stratovirt',
    ],
    [
      'X-9: it takes an = at the end for a missing value',
      `${WELL}${disks(1).replace('/srv/0', '/srv/a=b')}`,
      `${WELL}${disks(1).replace('/srv/0', '/srv/a=')}`,
      'NOT_SUPPORTED f:8: platform.volume.0.path: got "/srv/a=", expected a text without commas and without = at its end with platform.engine=stratovirt',
    ],
    [
      'X-9: it loses what is behind a second = of a kernel argument',
      `${WELL}platform.kernel.append=root=PARTUUID-1  console=ttyS0,115200 quiet\n`,
      `${WELL}platform.kernel.append=console=ttyS0 root=UUID=1\n`,
      'NOT_SUPPORTED f:7: platform.kernel.append: got "console=ttyS0 root=UUID=1", expected kernel arguments with one = each and values of at most 255 characters with platform.engine=stratovirt',
    ],
    [
      'SV-9: values of kernel arguments of 255 characters',
      `${WELL}platform.kernel.append=a=${'x'.repeat(255)} ${'y'.repeat(255)}\n`,
      `${WELL}platform.kernel.append=a=${'x'.repeat(256)}\n`,
      `NOT_SUPPORTED f:7: platform.kernel.append: got "a=${'x'.repeat(75)}...", expected kernel arguments with one = each and values of at most 255 characters with platform.engine=stratovirt`,
    ],
    [
      'X-9: it takes a word with a hyphen in front for an option',
      WELL.replace('name=vm', 'name=v-m'),
      WELL.replace('name=vm', 'name=-vm'),
      'NOT_SUPPORTED f:1: name: got "-vm", expected a text without a hyphen in front with platform.engine=stratovirt',
    ],
    [
      'X-9: it loses quotes of kernel arguments in JSON',
      `${WELL}platform.kernel.append=a='b'\n`,
      `${WELL}platform.kernel.append=a="b"\n`,
      'NOT_SUPPORTED f:7: platform.kernel.append: got "a=\\"b\\"", expected kernel arguments without quotes and backslashes with platform.engine=stratovirt',
    ],
    [
      'X-9: it loses quotes in paths in JSON',
      `${WELL}platform.memory.hugepages=/dev/a'b\n`,
      `${WELL}platform.memory.hugepages=/dev/a"b\n`,
      'NOT_SUPPORTED f:7: platform.memory.hugepages: got "/dev/a\\"b", expected a path without quotes and backslashes with platform.engine=stratovirt',
    ],
    [
      'SV-9: 255 characters for the path of the initial RAM disk',
      WELL.replace('/srv/initrd', `/${'d'.repeat(126)}/${'d'.repeat(127)}`),
      WELL.replace('/srv/initrd', `/${'d'.repeat(127)}/${'d'.repeat(127)}`),
      `NOT_SUPPORTED f:6: platform.kernel.initrd: got "/${'d'.repeat(76)}...", expected a path of at most 255 characters with platform.engine=stratovirt`,
    ],
  ])('%s', (_limit, inside, outside, problem) => {
    expect(problemsOf(inside, 'stratovirt')).toEqual([]);
    expect(problemsOf(outside, 'stratovirt')).toEqual([problem]);
    expect(parseWorkload(outside, 'f', 'any').problems).toEqual([]);
  });

  test('SV-5: on aarch64 there is room for more', () => {
    const text = `${WELL}platform.arch=aarch64\n${consoles(30)}platform.balloon=fixed\nplatform.vsock.cid=3\n`;
    expect(problemsOf(text, 'stratovirt')).toEqual([]);
  });
});

test('the agent runs what the table says', () => {
  expect(AGENT_ENGINES).toEqual(ENGINES.filter(engine => ENGINE_LIMITS[engine].runs === 'agent'));
  expect(AGENT_ENGINES).toContain('qemu');
});
