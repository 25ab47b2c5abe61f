import { describe, expect, test } from 'vitest';
import type { AccelPolicy, WorkloadFacts } from '../../../../src/domain/workload/facts.ts';
import { judgeOnNode, judgeTogether } from '../../../../src/domain/workload/judge.ts';
import { parseWorkload } from '../../../../src/domain/workload/parse.ts';
import { LEAST, SEED, SMALL, well } from './config.ts';

function judged(text: string, facts: WorkloadFacts, accel: AccelPolicy = 'kvm'): string[] {
  return judgeOnNode(well(text), facts, accel).map(({ code, message }) => `${code} ${message}`);
}

const PERSISTENT = `${SMALL}platform.volume.0.ephemeral=0\n`;
const DISK = '/tmp/disk.qcow2';
const VNC = `${LEAST}runtime.console.type=vnc\nruntime.console.id=5\n`;
const BRIDGED = `${LEAST}network.2.type=bridge\nnetwork.2.bridge=br0\n`;
const model = (mode: string): string => `${LEAST}platform.cpu.mode=${mode}\n`;
const NO_KVM = { kvm: { usable: false, reason: 'there is no /dev/kvm' } };

/** A rule: a file, facts that keep it, facts that break it, and the code and whole message of that. */
const RULES: readonly (readonly [
  rule: string,
  text: string,
  good: WorkloadFacts,
  bad: WorkloadFacts,
  problem: string,
])[] = [
  [
    'MH-5: the uuid is unique',
    LEAST,
    { otherUuids: ['u2'] },
    { otherUuids: ['u2', 'u1'] },
    'NOT_UNIQUE f:2: uuid: got "u1", expected one that no other workload has',
  ],
  [
    'MH-7: the memory fits MemAvailable; equal is fine',
    SEED,
    { memAvailableKiB: 4_194_304 },
    { memAvailableKiB: 4_194_303 },
    'TOO_MUCH f:3: platform.memory.size: got "4G" (4194304 KiB), expected at most 4194303 KiB (MemAvailable of the node)',
  ],
  [
    'MH-7: the message has what the user wrote',
    LEAST.replace('1G', '01024M'),
    { memAvailableKiB: 1_048_576 },
    { memAvailableKiB: 0 },
    'TOO_MUCH f:3: platform.memory.size: got "01024M" (1048576 KiB), expected at most 0 KiB (MemAvailable of the node)',
  ],
  [
    'MH-8: no more vCPUs than processors',
    SEED,
    { nproc: 2 },
    { nproc: 1 },
    'TOO_MUCH f:4: platform.cpu.threads: got "2", expected at most 1 (processors of the node)',
  ],
  [
    'MH-9: the model is one that QEMU has',
    model('Penryn-v1'),
    { cpuModels: ['Penryn', 'Penryn-v1'] },
    { cpuModels: ['Penryn', 'qemu64'] },
    'NOT_ON_NODE f:5: platform.cpu.mode: got "Penryn-v1", expected host, or a model that qemu-system-x86_64 -cpu help lists on the node; did you mean Penryn?',
  ],
  [
    'MH-9: without a near one there is no hint',
    model('Penryn'),
    { cpuModels: ['Penryn'] },
    { cpuModels: ['qemu64'] },
    'NOT_ON_NODE f:5: platform.cpu.mode: got "Penryn", expected host, or a model that qemu-system-x86_64 -cpu help lists on the node',
  ],
  [
    'MH-10: host needs KVM',
    SEED,
    { kvm: { usable: true } },
    NO_KVM,
    'NO_KVM f:5: platform.cpu.mode: got "host", expected a node where KVM works; here it does not (there is no /dev/kvm)',
  ],
  [
    'MH-10: host by default needs it, too',
    LEAST,
    { kvm: { usable: true } },
    { kvm: { usable: false } },
    'NO_KVM f: platform.cpu.mode: got "host", expected a node where KVM works; here it does not',
  ],
  [
    'MH-10: and so does any model where the appliance does not allow TCG',
    model('qemu64'),
    { kvm: { usable: true } },
    NO_KVM,
    'NO_KVM f:5: platform.cpu.mode: got "qemu64", expected a node where KVM works, or workload.accel: auto in pxen.yaml; here it does not (there is no /dev/kvm)',
  ],
  [
    'MH-13: the file of a volume is there',
    SEED,
    { existingPaths: ['/tmp/alpine.iso'] },
    { existingPaths: [DISK] },
    'NOT_ON_NODE f:8: platform.volume.0.path: got "/tmp/alpine.iso", expected a file that is on the node (mesh workload download -w qemutest1)',
  ],
  [
    'MH-13: a persistent one has to be there, too',
    PERSISTENT,
    { existingPaths: [DISK], ownedPaths: [DISK] },
    { existingPaths: [], ownedPaths: [] },
    'NOT_ON_NODE f:6: platform.volume.0.path: got "/tmp/disk.qcow2", expected a file that is on the node (platform.volume.0.source can tell where to fetch it)',
  ],
  [
    'MH-18, X-2: a persistent one is of this workload',
    PERSISTENT,
    { existingPaths: [DISK], ownedPaths: [DISK] },
    { existingPaths: [DISK], ownedPaths: ['/tmp/other'] },
    'ALREADY_THERE f:6: platform.volume.0.path: got "/tmp/disk.qcow2", expected no file there, or one that this workload placed itself, because platform.volume.0.ephemeral=0',
  ],
  [
    'MH-18: what is not known to be its own is not',
    PERSISTENT,
    {},
    { existingPaths: [DISK] },
    'ALREADY_THERE f:6: platform.volume.0.path: got "/tmp/disk.qcow2", expected no file there, or one that this workload placed itself, because platform.volume.0.ephemeral=0',
  ],
  [
    'MH-21: the bridge is there',
    BRIDGED,
    { interfaces: ['lo', 'br0'] },
    { interfaces: ['lo', 'br1'] },
    'NOT_ON_NODE f:6: network.2.bridge: got "br0", expected a bridge that is in /sys/class/net of the node',
  ],
  [
    'MH-27: the port of the serial console is free',
    `${LEAST}runtime.console.id=5\n`,
    { busyPorts: [7900, 5905] },
    { busyPorts: [7905] },
    'PORT_BUSY f:5: runtime.console.id: got "5", expected an id whose port is free; 7905 is taken on the node',
  ],
  [
    'MH-29: the port of vnc is free',
    VNC,
    { busyPorts: [7905] },
    { busyPorts: [22, 5905] },
    'PORT_BUSY f:6: runtime.console.id: got "5", expected an id whose port is free; 5905 is taken on the node',
  ],
];

describe.each(RULES)('%s', (_rule, text, good, bad, problem) => {
  test('kept', () => {
    expect(judged(text, good)).toEqual([]);
  });

  test('broken', () => {
    expect(judged(text, bad)).toEqual([problem]);
  });
});

describe('with and without KVM (MH-10)', () => {
  const host = (expected: string): string =>
    `NO_KVM f:5: platform.cpu.mode: got "host", expected ${expected}`;
  const instead = 'a CPU model such as max or qemu64';
  test.each<[string, AccelPolicy, WorkloadFacts, string[]]>([
    ['host', 'kvm', {}, []],
    ['host', 'auto', { kvm: { usable: true } }, []],
    [
      'host',
      'auto',
      NO_KVM,
      [host(`a node where KVM works, or ${instead}; here it does not (there is no /dev/kvm)`)],
    ],
    ['host', 'tcg', {}, [host(`${instead}, because workload.accel is tcg`)]],
    ['host', 'tcg', { kvm: { usable: true } }, [host(`${instead}, because workload.accel is tcg`)]],
    ['max', 'kvm', {}, []],
    ['max', 'auto', NO_KVM, []],
    ['max', 'tcg', NO_KVM, []],
  ])('%s with accel %s and %j', (mode, accel, facts, problems) => {
    expect(judged(model(mode), facts, accel)).toEqual(problems);
  });
});

describe('an engine that has KVM and nothing else', () => {
  const only = (why: string): string =>
    `NO_KVM f:5: platform.engine: got "stratovirt", expected an engine that runs without KVM, or a node where it works; here it does not (${why}), and it has no other way to run a guest`;
  const FILE = `${LEAST}platform.engine=stratovirt\nplatform.kernel.image=/k\nplatform.kernel.initrd=/i\n`;
  test.each<[AccelPolicy, WorkloadFacts, string[]]>([
    ['kvm', { kvm: { usable: true } }, []],
    ['auto', {}, []],
    ['auto', NO_KVM, [only('there is no /dev/kvm')]],
    ['kvm', NO_KVM, [only('there is no /dev/kvm')]],
    ['auto', { kvm: { usable: false } }, [only('nobody knows why')]],
    ['tcg', {}, [only('workload.accel of pxen.yaml is tcg')]],
  ])('with accel %s and %j', (accel, facts, problems) => {
    expect(judged(FILE, facts, accel)).toEqual(problems);
  });
});

describe('facts', () => {
  test('of which none is known break no rule', () => {
    for (const text of [SEED, SMALL, PERSISTENT, VNC, BRIDGED]) expect(judged(text, {})).toEqual([]);
  });

  test('of a node that has nothing: all problems at once, by line', () => {
    const facts = {
      memAvailableKiB: 1024,
      nproc: 1,
      cpuModels: [],
      interfaces: ['lo'],
      existingPaths: [],
      busyPorts: [5905],
      otherUuids: ['qweflmqwe23'],
      kvm: { usable: false },
    };
    expect(judged(SEED, facts).map(line => line.replace(/:.*?: /, ' ').replace(/:.*/, ''))).toEqual([
      'NOT_UNIQUE f uuid',
      'TOO_MUCH f platform.memory.size',
      'TOO_MUCH f platform.cpu.threads',
      'NO_KVM f platform.cpu.mode',
      'NOT_ON_NODE f platform.volume.0.path',
      'NOT_ON_NODE f network.0.bridge',
      'PORT_BUSY f runtime.console.id',
    ]);
  });

  test('break no rule about a console without a port of its own', () => {
    const every = Array.from({ length: 65_536 }, (_, port) => port);
    expect(judged(LEAST, { busyPorts: every })).toEqual([]);
    expect(judged(`${LEAST}runtime.console.type=serial-socket\n`, { busyPorts: every })).toEqual([]);
  });

  test('break no rule about bridges for a NIC that needs none', () => {
    expect(judged(SMALL, { interfaces: [] })).toEqual([]);
  });

  test('can be held against a workload whose file is not at hand', () => {
    const { workload } = well(SEED);
    const problems = judgeOnNode({ file: 'f', workload, lines: new Map() }, { memAvailableKiB: 1 }, 'kvm');
    expect(problems.map(({ message }) => message)).toEqual([
      'f: platform.memory.size: got "4G" (4194304 KiB), expected at most 1 KiB (MemAvailable of the node)',
    ]);
  });
});

describe('files of one appliance (MH-5)', () => {
  const file = (name: string, ...pair: [string, string]) =>
    parseWorkload(LEAST.replace('name=vm\nuuid=u1', `name=${pair[0]}\nuuid=${pair[1]}`), name);

  test('each with a name and a uuid of its own', () => {
    expect(judgeTogether([file('a', 'x', '1'), file('b', 'y', '2')])).toEqual([]);
    expect(judgeTogether([])).toEqual([]);
  });

  test('the same name or uuid is a problem of both, and each names the other', () => {
    const both = judgeTogether([file('a', 'x', '1'), file('b', 'y', '1'), file('c', 'x', '2')]);
    expect(both.map(({ code, message }) => `${code} ${message}`)).toEqual([
      'NOT_UNIQUE a:1: name: got "x", expected one that no other workload has; it is also in c',
      'NOT_UNIQUE a:2: uuid: got "1", expected one that no other workload has; it is also in b',
      'NOT_UNIQUE b:2: uuid: got "1", expected one that no other workload has; it is also in a',
      'NOT_UNIQUE c:1: name: got "x", expected one that no other workload has; it is also in a',
    ]);
  });

  test('a file with other problems counts, one whose name is missing or empty does not', () => {
    const broken = parseWorkload('name=x\n', 'b');
    const empty = ['c', 'd'].map(name => parseWorkload('name=\n', name));
    expect(judgeTogether([file('a', 'x', '1'), broken, ...empty]).map(({ file: in_ }) => in_)).toEqual([
      'a',
      'b',
    ]);
  });

  test('of many others a few are named', () => {
    const all = ['a', 'b', 'c', 'd', 'e', 'g'].map((name, at) => file(name, 'x', `${at}`));
    const messages = judgeTogether(all).map(({ message }) => message);
    expect(messages[0]).toBe(
      'a:1: name: got "x", expected one that no other workload has; it is also in b, c, d and 2 more',
    );
    expect(messages[5]).toBe(
      'g:1: name: got "x", expected one that no other workload has; it is also in a, b, c and 2 more',
    );
  });
});
