import { afterEach, describe, expect, test } from 'vitest';
import { PxenError } from '../../../../../src/base/error.ts';
import { hostDrain } from '../../../../../src/cli/commands/host/drain.ts';
import { meshUnder, type Ran } from '../../mesh.ts';
import { type FakePxend, fakePxend, type Play } from '../../pxend.ts';
import { screen } from '../../screen.ts';
import { HOSTS, KVM_HOST, TULIP_HOST } from './views.ts';

let pxend: FakePxend | undefined;
afterEach(async () => {
  await pxend?.stop();
  pxend = undefined;
});

async function mesh(play: Play, ...argv: readonly string[]): Promise<Ran> {
  pxend = await fakePxend({ hosts: [HOSTS], ...play });
  return meshUnder(pxend.root, ...argv);
}

describe('mesh host list', () => {
  test('is a line for each host', async () => {
    expect(await mesh({}, 'host', 'list')).toEqual({
      status: 0,
      out: [
        'NAME   STATE          ALIVE        PROFILE   REALM    GROUP  VMS  VCPUS    MEMORY               DEVICES            COST      NOTE',
        'kvm1   no-scheduling  unreachable  gpu-node  cluster  rack1  2    6 of 16  8.0 GiB of 64.0 GiB  nvidia-gpu 1 of 2  Infinity  no route to host',
        'tulip  enabled        up           default   -        -      1    2 of 8   4.0 GiB of 16.0 GiB  -                  4.5',
        '',
      ].join('\n'),
      err: '',
    });
  });

  test('what is not known is not made up', async () => {
    const { cores: _, memory: __, cost: ___, ...unknown } = TULIP_HOST;
    expect((await mesh({ hosts: [[unknown]] }, 'host', 'list')).out.split('\n')[1]).toBe(
      'tulip  enabled  up     default  -      -      1    2      4.0 GiB  -        -',
    );
  });

  test('a device that no profile lists any more is in use all the same', async () => {
    const host = { ...KVM_HOST, devices: {} };
    expect((await mesh({ hosts: [[host]] }, 'host', 'list')).out).toContain('nvidia-gpu 1 of 0');
  });

  test('--names is the names, --json everything', async () => {
    expect((await mesh({}, 'host', 'list', '--names')).out).toBe('kvm1\ntulip\n');
    await pxend?.stop();
    expect(JSON.parse((await mesh({}, 'host', 'list', '--json')).out)).toEqual({ hosts: HOSTS });
  });

  test('says how there come to be hosts', async () => {
    expect((await mesh({ hosts: [[]] }, 'host', 'list')).out).toBe(
      'There is no host yet: a node becomes one with its first report; for libvirt see mesh host add --help.\n',
    );
  });
});

describe('mesh host info', () => {
  test.each([
    ['kvm1', KVM_INFO()],
    ['6B766D31', KVM_INFO()],
    [
      'tulip',
      [
        'host      tulip (91d5815f)',
        'state     enabled',
        'alive     up',
        'kind      a node with the agent',
        'profile   default: nobody has said anything about this node, so it is made from what it reports',
        'vms       1',
        'vcpus     2 of 8',
        'memory    4.0 GiB of 16.0 GiB',
        'cost      4.5',
        'workload  mail (running)',
      ],
    ],
  ])('%s', async (name, lines) => {
    expect(await mesh({}, 'host', 'info', name)).toEqual({
      status: 0,
      out: `${lines.join('\n')}\n`,
      err: '',
    });
  });

  test.each([
    ['tulp', 'mesh: no host tulp; did you mean tulip?\n'],
    ['nothing', 'mesh: no host nothing; mesh host list lists all\n'],
  ])('of %s: %s', async (name, err) => {
    expect(await mesh({}, 'host', 'info', name)).toEqual({ status: 1, out: '', err });
  });
});

function KVM_INFO(): string[] {
  return [
    'host      kvm1 (6b766d31)',
    'state     no-scheduling',
    'alive     unreachable',
    'kind      libvirt, qemu+ssh://root@kvm1/system',
    'profile   gpu-node',
    'realm     cluster',
    'group     rack1',
    'VMs at    10.1.0.5, port 9000 + last octet',
    'vms       2',
    'vcpus     6 of 16',
    'memory    8.0 GiB of 64.0 GiB',
    'devices   nvidia-gpu 1 of 2',
    'cost      Infinity',
    'workload  db (unknown)',
    'workload  web (reserved)',
    'problem   no route to host',
  ];
}

describe('what pxend is told', () => {
  const put = (name: string, body: object): unknown => [[`PUT /api/v1/hosts/${name}`, body]];

  test.each<[string, string[], string, object]>([
    [
      'add',
      ['host', 'add', 'kvm2', '--uri', 'qemu:///system', '--profile', 'p'],
      'kvm2',
      { expect: 'new', uri: 'qemu:///system', profile: 'p' },
    ],
    [
      'add with everything',
      [
        ...['host', 'add', 'kvm2', '--uri', 'qemu+ssh://kvm2:22/system', '--profile', 'p', '--realm', 'r'],
        ...['--group', 'g', '--state', 'No Scheduling', '--translation', '10.0.0.1:65280'],
      ],
      'kvm2',
      {
        ...{ expect: 'new', uri: 'qemu+ssh://kvm2:22/system', profile: 'p', realm: 'r', group: 'g' },
        ...{ state: 'no-scheduling', translation: { address: '10.0.0.1', basePort: 65_280 } },
      },
    ],
    [
      'set',
      ['host', 'set', '91d5815f', '--realm', 'r', '--group', 'g'],
      'tulip',
      { expect: 'known', realm: 'r', group: 'g' },
    ],
    [
      'set, to take away',
      ['host', 'set', 'kvm1', '--realm', '-', '--group', '-', '--translation', '-', '--profile', '-'],
      'kvm1',
      { expect: 'known', realm: null, group: null, translation: null, profile: null },
    ],
    [
      'set-state',
      ['host', 'set-state', 'tulip', 'disabled'],
      'tulip',
      { expect: 'known', state: 'disabled' },
    ],
    [
      'set-state as the document writes it',
      ['host', 'set-state', 'tulip', 'No Scheduling'],
      'tulip',
      { expect: 'known', state: 'no-scheduling' },
    ],
    [
      'set-state in two words',
      ['host', 'set-state', 'tulip', 'No', 'Scheduling'],
      'tulip',
      { expect: 'known', state: 'no-scheduling' },
    ],
    ['set-profile', ['host', 'set-profile', 'tulip', 'p'], 'tulip', { expect: 'known', profile: 'p' }],
    ['set-profile back', ['host', 'set-profile', 'tulip', '-'], 'tulip', { expect: 'known', profile: null }],
  ])('%s', async (_, argv, name, body) => {
    const answers = { [`PUT /api/v1/hosts/${name}`]: KVM_HOST };
    expect(await mesh({ answers }, ...argv)).toEqual({
      status: 0,
      out: `${KVM_INFO().join('\n')}\n`,
      err: '',
    });
    expect(pxend?.placing).toEqual(put(name, body));
  });

  test('--json is the host as it is now', async () => {
    const answers = { 'PUT /api/v1/hosts/tulip': TULIP_HOST };
    const { out } = await mesh({ answers }, 'host', 'set-state', 'tulip', 'enabled', '--json');
    expect(JSON.parse(out)).toEqual(TULIP_HOST);
  });

  test.each([
    ['kvm1', [], 'kvm1: removed\n'],
    ['kvm1', ['--json'], '{"removed":"kvm1"}\n'],
    ['tulip', [], 'tulip: nothing is said of it any more; a node stays a host\n'],
  ])('remove %s %j', async (name, words, out) => {
    const answers = { [`DELETE /api/v1/hosts/${name}`]: { removed: name } };
    expect(await mesh({ answers }, 'host', 'remove', name, ...words)).toEqual({ status: 0, out, err: '' });
    expect(pxend?.placing).toEqual([[`DELETE /api/v1/hosts/${name}`, undefined]]);
  });

  test.each([
    [['host', 'add', 'kvm1', '--uri', 'qemu:///system', '--profile', 'p']],
    [['host', 'set-state', 'tulip', 'enabled']],
    [['host', 'remove', 'kvm1']],
    [['host', 'drain', 'kvm1']],
  ])('%j: what pxend refuses is said', async argv => {
    const refuse = new PxenError('CONFLICT', 'no', { details: ['why'] });
    expect(await mesh({ refuse }, ...argv)).toEqual({ status: 1, out: '', err: 'mesh: no\n  why\n' });
  });

  test.each<[string[], string]>([
    [['add', 'kvm2', '--profile', 'p'], "required option '--uri <uri>' not specified"],
    [['add', 'kvm2', '--uri', 'qemu:///system'], "required option '--profile <id>' not specified"],
    [
      ['add', 'kvm2', '--uri', 'xen:///', '--profile', 'p'],
      "argument 'xen:///' is invalid. expected qemu:///system or qemu+ssh://[user@]host[:port]/system.",
    ],
    [
      ['add', 'a/b', '--uri', 'qemu:///system', '--profile', 'p'],
      "'a/b' is invalid for argument 'name'. expected a word of letters, digits, . _ and -, at most 128 characters.",
    ],
    [
      ['set', 'kvm1', '--translation', '10.0.0.1:65281'],
      'expected an IPv4 address and a port up to 65280, such as 10.1.0.5:9000.',
    ],
    [['set', 'kvm1', '--translation', '10.0.0:1'], 'expected an IPv4 address and a port'],
    [['set', 'kvm1', '--state', 'on'], 'expected enabled, no-scheduling, disabled.'],
    [['set', 'kvm1'], 'nothing is said of it: see --help'],
    [['set-state', 'kvm1', 'on'], 'state: expected enabled, no-scheduling, disabled.'],
    [['set-profile', 'kvm1', 'a b'], 'expected a word of letters'],
  ])('%j is refused before anything is asked', async (words, err) => {
    const ran = await mesh({}, 'host', ...words);
    expect(ran).toEqual({ status: 2, out: '', err: expect.stringContaining(err) });
    expect(pxend?.placing).toEqual([]);
  });
});

describe('mesh host drain', () => {
  const answers = (host: object): Record<string, object> => ({ 'PUT /api/v1/hosts/kvm1': host });
  const LEFT = [
    'kvm1: takes nothing new; 2 workloads left:',
    '  db (unknown)',
    '  web (reserved)',
    'to move one: mesh workload stop -w NAME, then mesh workload start -w NAME',
    'unknown: its node is silent; mesh workload stop or mesh node forget gives it up',
    '',
  ].join('\n');
  const NOTHING = 'kvm1: takes nothing new; nothing is left on it\n';

  test('says what is left, and comes back', async () => {
    const ran = await mesh({ answers: answers(KVM_HOST) }, 'host', 'drain', 'kvm1');
    expect(ran).toEqual({ status: 0, out: LEFT, err: '' });
    expect(pxend?.placing).toEqual([['PUT /api/v1/hosts/kvm1', { expect: 'known', state: 'no-scheduling' }]]);
  });

  test('of an empty host there is nothing to wait for', async () => {
    const play = { answers: answers({ ...KVM_HOST, workloads: [] }) };
    expect((await mesh(play, 'host', 'drain', 'kvm1', '--wait')).out).toBe(NOTHING);
  });

  async function waited(json: boolean): Promise<string> {
    const [db] = KVM_HOST.workloads;
    const later = [KVM_HOST, KVM_HOST, { ...KVM_HOST, workloads: [db] }, { ...KVM_HOST, workloads: [] }];
    pxend = await fakePxend({ hosts: later.map(host => [host]), answers: answers(KVM_HOST) });
    const seen = screen({ root: pxend.root, json });
    expect(await hostDrain(seen.context, 'kvm1', { wait: true, every: 1 })).toBe(0);
    return seen.out;
  }

  test('--wait says what is left when that changes, and comes back when nothing is', async () => {
    const one = LEFT.replace('2 workloads', '1 workload').replace('  web (reserved)\n', '');
    expect(await waited(false)).toBe(LEFT + one + NOTHING);
  });

  test('--wait --json is the host at the end', async () => {
    expect(JSON.parse(await waited(true))).toEqual({ ...KVM_HOST, workloads: [] });
  });
});
