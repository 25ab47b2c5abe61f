import { afterEach, describe, expect, test } from 'vitest';
import type { RealmList } from '../../../../../src/api/placement.ts';
import { meshUnder, type Ran } from '../../mesh.ts';
import { type FakePxend, fakePxend } from '../../pxend.ts';

let pxend: FakePxend | undefined;
afterEach(async () => {
  await pxend?.stop();
  pxend = undefined;
});

async function mesh(realms: object, ...argv: readonly string[]): Promise<Ran> {
  pxend = await fakePxend({ realms });
  return meshUnder(pxend.root, ...argv);
}

const GiB = 2 ** 30;
const CLUSTER: RealmList['realms'][number] = {
  id: 'cluster',
  name: 'The cluster',
  disabled: false,
  driver: 'libvirt',
  pools: { volumes: 'ticrypt-vm', drives: 'ticrypt-vm-drives', bricks: 'ticrypt-bricks' },
  logScheduling: true,
  registrationTimeout: 300_000,
  pollFrequency: 2500,
  drives: { lazyAllocation: true, cache: 'none', minSize: GiB, maxSize: 100 * GiB },
  hosts: ['kvm1', 'kvm2'],
};
const EDGE: RealmList['realms'][number] = {
  ...CLUSTER,
  ...{ id: 'edge', name: 'edge', disabled: true, driver: 'pxen', hosts: [] },
  drives: { lazyAllocation: false, cache: 'default' },
};
const GPU = { id: 'gpu', name: 'GPU node', cores: 8, memory: 32 * GiB, costFunction: 'gpu' };
const RULES: RealmList = {
  realms: [CLUSTER, EDGE],
  profiles: [
    { ...GPU, devices: { 'nvidia-gpu': 2, fpga: 1 } },
    { ...GPU, id: 'plain', name: 'plain', devices: {} },
  ],
  problems: [],
  warnings: [],
};
const NONE: RealmList = { realms: [], profiles: [], problems: [], warnings: [] };

describe('mesh realm list', () => {
  test('is a line for each realm', async () => {
    expect(await mesh(RULES, 'realm', 'list')).toEqual({
      status: 0,
      out: [
        'ID       NAME         DRIVER   STATE     HOSTS      REGISTER  POLL   CACHE    ALLOCATION  DRIVES',
        'cluster  The cluster  libvirt  enabled   kvm1 kvm2  300 s     2.5 s  none     lazy        1.0 GiB to 100 GiB',
        'edge     edge         pxen     disabled  -          300 s     2.5 s  default  full        any size',
        '',
      ].join('\n'),
      err: '',
    });
  });

  test.each([
    [{ minSize: GiB }, 'from 1.0 GiB'],
    [{ maxSize: GiB }, 'up to 1.0 GiB'],
  ])('drives of %j', async (sizes, text) => {
    const realm = { ...EDGE, drives: { ...EDGE.drives, ...sizes } };
    expect((await mesh({ ...NONE, realms: [realm] }, 'realm', 'list')).out).toMatch(`  ${text}\n`);
  });

  test('problems of the files are told, and that they are not in force', async () => {
    const problems = ['hardware.conf:3: pxen.vm.a: got "b", expected c', 'realms/x.conf:1: y'];
    const rules = { ...NONE, problems, warnings: ['hardware.conf:9: z: short'] };
    expect(await mesh(rules, 'realm', 'list')).toEqual({
      status: 1,
      out: 'There is no realm: they are described in /host0/realms/ID.conf.\n',
      err: [
        'mesh: warning: hardware.conf:9: z: short',
        'mesh: the rules in force are older than the files, which have problems:',
        '  hardware.conf:3: pxen.vm.a: got "b", expected c',
        '  realms/x.conf:1: y',
        '',
      ].join('\n'),
    });
    await pxend?.stop();
    const asJson = await mesh(rules, 'realm', 'list', '--json');
    expect([asJson.status, JSON.parse(asJson.out)]).toEqual([1, rules]);
  });

  test('--names is the ids', async () => {
    expect((await mesh(RULES, 'realm', 'list', '--names')).out).toBe('cluster\nedge\n');
  });
});

describe('mesh realm pools', () => {
  const commands = (pool: string, path: string): string[] => [
    `virsh pool-define-as ${pool} dir - - - - ${path}`,
    `virsh pool-build ${pool}`,
    `virsh pool-start ${pool}`,
    `virsh pool-autostart ${pool}`,
  ];
  const NAMES = ['ticrypt-vm', 'ticrypt-vm-drives', 'ticrypt-bricks', 'ticrypt-vm-snapshots'];

  test.each([
    [[], NAMES.flatMap(name => commands(name, `/var/lib/libvirt/${name}`))],
    [['cluster', '--path', '/my data/'], NAMES.flatMap(name => commands(name, `'/my data/${name}'`))],
    [['edge', '--path', '/'], NAMES.flatMap(name => commands(name, `/${name}`))],
  ])('%j prints the commands of the document', async (words, lines) => {
    expect(await mesh(RULES, 'realm', 'pools', ...words)).toEqual({
      status: 0,
      out: `${lines.join('\n')}\n`,
      err: '',
    });
  });

  test('pools that realms share are set up once', async () => {
    const second = { ...CLUSTER, id: 'b', pools: { ...CLUSTER.pools, volumes: 'other' } };
    const { out } = await mesh({ ...NONE, realms: [CLUSTER, second] }, 'realm', 'pools', '--json');
    const { pools, commands: argvs } = JSON.parse(out);
    expect(pools.map(({ name }: { name: string }) => name)).toEqual([...NAMES, 'other']);
    expect(argvs.length).toBe(20);
  });

  test.each([
    [RULES, ['claster'], 'no realm "claster"; did you mean cluster?'],
    [RULES, ['nothing'], 'no realm "nothing"; mesh realm list shows all'],
    [NONE, [], 'no realm has the driver libvirt; mesh realm list shows all'],
  ])('what there is not is said: %#', async (rules, words, message) => {
    expect(await mesh(rules, 'realm', 'pools', ...words)).toEqual({
      status: 1,
      out: '',
      err: `mesh: ${message}\n`,
    });
  });

  test('a relative path is refused', async () => {
    const { status, err } = await mesh(RULES, 'realm', 'pools', '--path', 'here');
    expect([status, err]).toEqual([2, expect.stringContaining('expected an absolute path.')]);
  });
});

describe('mesh host profiles', () => {
  test('is a line for each profile', async () => {
    expect((await mesh(RULES, 'host', 'profiles')).out).toBe(
      [
        'ID     CORES  MEMORY    DEVICES               COST FUNCTION  NAME',
        'gpu    8      32.0 GiB  nvidia-gpu 2, fpga 1  gpu            GPU node',
        'plain  8      32.0 GiB  -                     gpu',
        '',
      ].join('\n'),
    );
  });

  test('--names is the ids, --json everything', async () => {
    expect((await mesh(RULES, 'host', 'profiles', '--names')).out).toBe('gpu\nplain\n');
    await pxend?.stop();
    const { out } = await mesh(RULES, 'host', 'profiles', '--json');
    expect(JSON.parse(out)).toEqual({ profiles: RULES.profiles });
  });

  test('without any, says what nodes have', async () => {
    expect((await mesh(NONE, 'host', 'profiles')).out).toBe(
      'No hardware profile is described: every node has one of its own, made from what it reports. See docs/placement.md.\n',
    );
  });
});
