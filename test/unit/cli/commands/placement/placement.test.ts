import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CURVE_COSTS, SEED_COSTS, SEED_FILES, SEED_RULES } from '../../../domain/placement/rules-of.ts';
import type { Ran } from '../../mesh.ts';
import { meshIn } from './mesh.ts';

const GiB = 2 ** 30;
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'placement-'));
  await mkdir(join(folder, 'cost-functions'));
  for (const [name, text] of Object.entries({ ...SEED_FILES, 'ticrypt-vm.conf': SEED_RULES }))
    writeFileSync(join(folder, name), text);
});
afterAll(() => rmSync(folder, { recursive: true }));

const mesh = (...argv: readonly string[]): Promise<Ran> => meshIn(folder, argv);

function write(name: string, value: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

const file = (): string => join(folder, 'ticrypt-vm.conf');

describe('mesh cost eval', () => {
  const evaluate = (...words: readonly string[]): Promise<Ran> =>
    mesh('cost', 'eval', '--file', file(), ...words);

  test('prints the total and what each thing adds to it', async () => {
    const words = ['--function', 'pool2', '--vms', '2', '--vcpus', '9', '--memory', '16GiB'];
    expect((await evaluate(...words)).out).toBe(
      'PART    COST\nvms     2\nvcpus   7.5\nmemory  10\noffset  1000\ntotal   1019.5\n',
    );
    expect(JSON.parse((await evaluate(...words, '--json')).out)).toEqual({
      total: 1019.5,
      parts: { vms: 2, vcpus: 7.5, memory: 10, devices: {}, offset: 1000 },
    });
  });

  test.each(SEED_COSTS)(
    '%s with %d VMs, %d vCPUs, %d GiB, %j costs %d',
    async (id, vms, vcpus, memory, devices, total) => {
      const used = Object.entries(devices).flatMap(([type, count]) => ['--device', `${type}=${count}`]);
      const bytes = String(Math.round(memory * GiB));
      const words = ['--function', id, '--vms', `${vms}`, '--vcpus', `${vcpus}`, '--memory', bytes, ...used];
      const { status, out } = await evaluate(...words, '--json');
      expect([status, JSON.parse(out).total]).toEqual([0, total === Infinity ? 'Infinity' : total]);
    },
  );

  test('Infinity is a text in JSON, in the total and in the parts', async () => {
    const { out, status } = await evaluate(
      ...['--function', 'nvidia-gpu', '--vms', '1', '--vcpus', '17', '--memory', '1 GiB'],
      ...['--device', 'nvidia-gpu=2', '--device', 'fpga=1', '--json'],
    );
    expect([status, JSON.parse(out)]).toEqual([
      0,
      {
        total: 'Infinity',
        parts: {
          vms: 1,
          vcpus: 'Infinity',
          memory: 0.625,
          devices: { 'nvidia-gpu': 2, fpga: 'Infinity' },
          offset: 100000,
        },
      },
    ]);
  });

  test('devices of one type add up', async () => {
    const { out } = await evaluate(
      ...['--function', 'nvidia-gpu', '--device', 'nvidia-gpu=1', '--device', 'nvidia-gpu=1', '--json'],
    );
    expect(JSON.parse(out).parts.devices).toEqual({ 'nvidia-gpu': 2 });
  });

  test('another function of the file is suggested', async () => {
    expect(await evaluate('--function', 'simpel')).toEqual({
      status: 2,
      out: '',
      err: 'mesh: --function: got "simpel", expected a cost function of ticrypt-vm.conf: simple, nvidia-gpu, pool1, pool2; did you mean simple?\n',
    });
  });

  test('every problem of the file is told', async () => {
    const bad = write('bad.conf', 'pxen.vm.cost-functions.f {\n  vms { curve = x }\n  scale = -1\n}');
    expect(await mesh('cost', 'eval', '--file', bad, '--function', 'f')).toEqual({
      status: 2,
      out: '',
      err: [
        'mesh: bad.conf: 2 problems',
        '  bad.conf:2: pxen.vm.cost-functions.f.vms.curve: got "x", expected one of constant, invalid, linear, hard-soft, soft-hard, unavailable, piecewise, low-high, high-low',
        '  bad.conf:3: pxen.vm.cost-functions.f.scale: got -1, expected a number from 0',
        '',
      ].join('\n'),
    });
    expect((await mesh('cost', 'eval', '--file', write('bad2.conf', 'a = ['), '--function', 'f')).err).toBe(
      'mesh: bad2.conf: 1 problem\n  bad2.conf:1: a: got [ without an end, expected a closing ]\n',
    );
  });

  test('warnings go to standard error', async () => {
    const odd = write('odd.conf', 'pxen.vm.cost-functions.f.offset = 2');
    const { status, out, err } = await mesh('cost', 'eval', '--file', odd, '--function', 'f', '--json');
    expect([status, JSON.parse(out).total]).toEqual([0, 2]);
    expect(err).toMatch(
      /^mesh: warning: odd.conf:1: pxen.vm.cost-functions.f: none of vms, vcpus and memory/,
    );
  });

  test.each([
    [['--vms', '-1'], 'expected a whole number from 0'],
    [['--vcpus', '1.5'], 'expected a whole number from 0'],
    [['--memory', '1 GB/s'], 'expected whole bytes such as 1024, 64MiB or "18 GiB"'],
    [['--device', 'gpu'], 'expected a whole number from 0'],
    [['--device', '=1'], 'expected TYPE=N'],
  ])('%j is refused', async (words, message) => {
    const { status, err } = await evaluate('--function', 'simple', ...words);
    expect([status, err]).toEqual([2, expect.stringContaining(message)]);
  });

  test('a file that is not there', async () => {
    expect(await mesh('cost', 'eval', '--file', join(folder, 'none'), '--function', 'f')).toEqual({
      status: 2,
      out: '',
      err: 'mesh: none: there is no such file\n',
    });
  });
});

describe('mesh cost curve', () => {
  test.each(CURVE_COSTS)('%s of %j is %j', async (curve, inputs, costs) => {
    const { status, out } = await mesh('cost', 'curve', curve, '--json', '--', ...inputs.map(String));
    const wanted = costs.map(cost => (cost === Infinity ? 'Infinity' : cost));
    expect([status, JSON.parse(out)]).toEqual([0, wanted]);
  });

  test('prints the values in the order of the inputs', async () => {
    const curve = '{ curve: "hard-soft", soft: 1.0, hard: 2.0 }';
    expect(JSON.parse((await mesh('cost', 'curve', curve, '3', '2', '0', '1', '1.5', '--json')).out)).toEqual(
      ['Infinity', 10, 0, 1, 5.5],
    );
    expect((await mesh('cost', 'curve', curve, '1', '3')).out).toBe(
      'INPUT  COST\n1      1\n3      Infinity\n',
    );
  });

  test.each([
    ['{"curve":"linear","slope":2,"base":1}', ['1', '-1'], [3, -1]],
    ['curve = unavailable', ['0', '1'], [0, 'Infinity']],
    [
      '{ curve: hard-soft, soft: 32 GiB, hard: 48 GiB, scale: 10 }',
      ['16GiB', '32 GiB', `${48 * GiB}`],
      [5, 10, 100],
    ],
    [
      '{ curve: piecewise cutoff: 1 low: { curve: linear slope: 1 base: 0 } high: { curve: piecewise cutoff: 2 low: { curve: linear slope: 9 base: -8 }, high: { curve: invalid } } }',
      ['0', '1', '2', '3'],
      [0, 1, 10, 'Infinity'],
    ],
  ])('%s', async (curve, inputs, costs) => {
    const { status, out } = await mesh('cost', 'curve', curve, '--json', '--', ...inputs);
    expect([status, JSON.parse(out)]).toEqual([0, costs]);
  });

  test('draws the curve where nothing is asked, up to beyond its last bend', async () => {
    expect(
      (await mesh('cost', 'curve', '{ curve: hard-soft, soft: 8 GiB, hard: 16 GiB, scale: 10 }')).out,
    ).toBe(
      [
        '  Infinity |                                     ^^^^^^^^^',
        '       100 |                                    *',
        '           |                                  **',
        '           |                                **',
        '           |                              **',
        '           |                            **',
        '           |                          **',
        '           |                         *',
        '           |                       **',
        '           |                     **',
        '           |                   **',
        '           |         **********',
        '         0 |*********',
        '           +----------------------------------------------',
        '            0 B                                   20.0 GiB',
        '',
      ].join('\n'),
    );
    expect((await mesh('cost', 'curve', '{ curve: linear, slope: -1, base: 2 }', '4', '--plot')).out).toMatch(
      /^INPUT {2}COST\n4 {6}-2\n {9}2 \|\*/,
    );
  });

  test.each([
    [
      '{ curve: lineer }',
      'mesh: curve "{ curve: lineer }": 1 problem\n  curve:1: curve: got "lineer", expected one of constant, invalid, linear, hard-soft, soft-hard, unavailable, piecewise, low-high, high-low; did you mean linear?\n',
    ],
    [
      '{ curve: linear, slope: 1',
      'mesh: curve "{ curve: linear, slope: 1": 1 problem\n  curve:1: file: got { without an end, expected a closing }\n',
    ],
    [
      'include "/etc/passwd"',
      'mesh: curve "include \\"/etc/passwd\\"": 1 problem\n  curve:1: include: got include "/etc/passwd", expected no include on the command line\n',
    ],
  ])('%s is refused', async (curve, err) => {
    expect(await mesh('cost', 'curve', curve, '1')).toEqual({ status: 2, out: '', err });
  });

  test('an input that is no number is refused', async () => {
    expect(await mesh('cost', 'curve', '{ curve: invalid }', '1', 'x')).toEqual({
      status: 2,
      out: '',
      err: 'mesh: input: got "x", expected a number or bytes, such as 1.5 or 32MiB\n',
    });
  });
});

describe('mesh place', () => {
  const RULES = {
    costFunctions: { f: { vms: { curve: 'linear', slope: 1, base: 0 }, offset: 5 } },
    profiles: { p: { cores: 4, memory: 8 * GiB, 'cost-function': 'f' } },
    hosts: [
      { name: 'b', profile: 'p', state: 'enabled', usage: { vms: 1, vcpus: 1, memory: GiB, devices: {} } },
      { name: 'a', profile: 'p', state: 'disabled', usage: { vms: 0, vcpus: 0, memory: 0, devices: {} } },
    ],
  };
  const request = { vcpus: 1, memory: GiB, devices: {}, coschedule: -1 };

  test('prints the host, and why it is no other', async () => {
    const snapshot = write('good.json', { ...RULES, request });
    const { status, out } = await mesh('place', '--snapshot', snapshot, '--json');
    expect([status, JSON.parse(out)]).toEqual([
      0,
      {
        host: 'b',
        reasons: ['a: disabled'],
        costs: [
          { host: 'a', total: 6, parts: { vms: 1, vcpus: 0, memory: 0, devices: {}, offset: 5 } },
          { host: 'b', total: 7, parts: { vms: 2, vcpus: 0, memory: 0, devices: {}, offset: 5 } },
        ],
      },
    ]);
    expect((await mesh('place', '--snapshot', snapshot)).out).toBe(
      [
        'vm1 goes to b',
        '',
        'HOST  COST  VMS  VCPUS  MEMORY  DEVICES  OFFSET  SPREAD',
        'a     6     1    0      0       -        5       -',
        'b     7     2    0      0       -        5       -',
        '',
        'a: disabled',
        '',
      ].join('\n'),
    );
  });

  test('comes back with 1 when nothing fits', async () => {
    const snapshot = write('full.json', { ...RULES, request: { ...request, devices: { gpu: 1 } } });
    const { status, out } = await mesh('place', '--snapshot', snapshot, '--json');
    expect([status, JSON.parse(out)]).toEqual([
      1,
      {
        host: null,
        reasons: ['a: disabled', 'b: 1 gpu asked for, 0 of 0 free'],
        costs: expect.arrayContaining([expect.objectContaining({ host: 'b', total: 'Infinity' })]),
      },
    ]);
    expect((await mesh('place', '--snapshot', snapshot)).out).toMatch(/^vm1 fits nowhere\n/);
  });

  test('plans several requests together', async () => {
    const snapshot = write('batch.json', {
      ...RULES,
      requests: [
        { ...request, name: 'web' },
        { ...request, name: 'big', vcpus: 9 },
      ],
    });
    const { status, out } = await mesh('place', '--snapshot', snapshot, '--json');
    expect([status, JSON.parse(out)]).toEqual([
      1,
      {
        placements: [
          { name: 'web', host: 'b', reasons: [] },
          { name: 'big', host: null, reasons: ['a: disabled', 'b: 9 vCPUs do not fit: it has 4'] },
        ],
        placed: 1,
        cost: 12,
        oneByOne: { placed: 1, cost: 12 },
      },
    ]);
    expect((await mesh('place', '--snapshot', snapshot)).out).toBe(
      [
        'VM   HOST',
        'web  b',
        'big  fits nowhere',
        '',
        'big:',
        '  a: disabled',
        '  b: 9 vCPUs do not fit: it has 4',
        '',
        '1 of 2 VMs placed, all hosts together cost 12, as one by one',
        '',
      ].join('\n'),
    );
  });

  test('says by how much a plan is better', async () => {
    const hosts = ['a', 'b'].map(name => ({ name, profile: 'p', state: 'enabled' }));
    const costFunctions = { f: { vcpus: { curve: 'hard-soft', soft: 2, hard: 4, softAmt: 1, hardAmt: 10 } } };
    const vms = (...sizes: number[]): object[] => sizes.map(vcpus => ({ ...request, vcpus }));
    const more = write('more.json', { ...RULES, costFunctions, hosts, requests: vms(1, 1, 1, 1, 4) });
    expect((await mesh('place', '--snapshot', more)).out).toMatch(
      /\n5 of 5 VMs placed, all hosts together cost 20; one by one, 1 VM fewer would have a host\n$/,
    );
    const less = write('less.json', {
      ...RULES,
      costFunctions: {
        f: { vms: { curve: 'constant', value: 1 }, vcpus: { curve: 'linear', slope: 1, base: 3 } },
      },
      hosts,
      requests: vms(1, 1, 1),
    });
    expect((await mesh('place', '--snapshot', less)).out).toMatch(
      /\n3 of 3 VMs placed, all hosts together cost 7; that is 4 \(36.4 %\) less than one by one\n$/,
    );
  });

  test('tells every problem of a snapshot', async () => {
    const bad = write('bad.json', { ...RULES, hosts: [{ name: 'a', profile: 'q', state: 'on' }], request });
    expect(await mesh('place', '--snapshot', bad)).toEqual({
      status: 2,
      out: '',
      err: [
        'mesh: bad.json: 2 problems',
        '  bad.json:1: hosts.0.state: got "on", expected one of enabled, no-scheduling, disabled',
        '  bad.json:1: hosts.0.profile: got "q", expected the id of a profile; did you mean p?',
        '',
      ].join('\n'),
    });
  });
});
