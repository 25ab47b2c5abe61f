import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { PlanView } from '../../../../../src/api/placement.ts';
import type { WorkloadView } from '../../../../../src/api/workloads.ts';
import { meshUnder, type Ran } from '../../mesh.ts';
import { type FakePxend, fakePxend, type Play } from '../../pxend.ts';
import { NODES, ROSE, running, TULIP, told, view } from '../workload/views.ts';

let pxend: FakePxend | undefined;
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'plan-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  await pxend?.stop();
  pxend = undefined;
});

const PLAN: PlanView = {
  placements: [
    { name: 'web', host: 'tulip', node: TULIP.id, reasons: [] },
    { name: 'db', host: 'rose', node: ROSE.id, reasons: [] },
    { name: 'api', host: 'tulip', node: TULIP.id, reasons: [] },
  ],
  placed: 3,
  cost: 12,
  oneByOne: { placed: 3, cost: 15 },
};
const LESS: PlanView = {
  placements: [
    { name: 'web', host: 'tulip', node: TULIP.id, reasons: [] },
    { name: 'db', host: null, reasons: ['tulip: full'] },
  ],
  placed: 1,
  cost: 'Infinity',
  oneByOne: { placed: 1, cost: 'Infinity' },
};
const TEXT = [
  'VM   HOST',
  'web  tulip',
  'db   rose',
  'api  tulip',
  '',
  '3 of 3 VMs placed, all hosts together cost 12; that is 3 (20.0 %) less than one by one',
  '',
].join('\n');

const KNOWN = [view('web'), view('db'), view('api'), running('mail')];

async function mesh(plan: PlanView, words: readonly string[], play: Play = {}): Promise<Ran> {
  const answers = { 'POST /api/v1/plans': plan };
  pxend = await fakePxend({ nodes: NODES, workloads: KNOWN, answers, ...play });
  return meshUnder(pxend.root, 'plan', ...words);
}

const asked = (): unknown => pxend?.placing.map(([, body]) => body);

test('prints where each goes, and by how much that beats one by one', async () => {
  expect(await mesh(PLAN, ['-w', 'web,db', '-w', 'a*'])).toEqual({ status: 0, out: TEXT, err: '' });
  expect(asked()).toEqual([{ subjects: [{ workload: 'web' }, { workload: 'db' }, { workload: 'api' }] }]);
  expect(pxend?.runs).toEqual([]);
});

test('a pattern means those that can be started', async () => {
  const { err } = await mesh(PLAN, ['-w', 'ALL']);
  expect(err).toBe('mesh: left out: mail (running)\n');
  expect(asked()).toEqual([{ subjects: [{ workload: 'web' }, { workload: 'db' }, { workload: 'api' }] }]);
});

test('with nothing to start there is nothing to plan', async () => {
  expect(await mesh(PLAN, ['-w', 'm*'])).toEqual({
    status: 0,
    out: '',
    err: 'mesh: left out: mail (running)\n',
  });
  expect(asked()).toEqual([]);
});

test('--json is what pxend said', async () => {
  expect(JSON.parse((await mesh(PLAN, ['-w', 'web', '--json'])).out)).toEqual(PLAN);
});

test('what fits nowhere is explained, and ends with 1', async () => {
  expect(await mesh(LESS, ['-w', 'web,db'])).toEqual({
    status: 1,
    out: [
      'VM   HOST',
      'web  tulip',
      'db   fits nowhere',
      '',
      'db:',
      '  tulip: full',
      '',
      '1 of 2 VMs placed, all hosts together cost Infinity, as one by one',
      '',
    ].join('\n'),
    err: '',
  });
});

test('problems in the files of host0 are told, all of them, and nothing is asked', async () => {
  const problem = (file: string): WorkloadView['problems'][number] => ({
    ...{ file, key: 'name', code: 'BAD_VALUE', expected: 'x', message: `${file}:1: name: is bad` },
  });
  const workloads = [view('web', { problems: [problem('a')] }), view('db', { problems: [problem('b')] })];
  expect(await mesh(PLAN, ['-w', 'ALL'], { workloads })).toEqual({
    status: 1,
    out: '',
    err: 'mesh: the files have problems, so nothing is planned\n  a:1: name: is bad\n  b:1: name: is bad\n',
  });
  expect(asked()).toEqual([]);
});

describe('files', () => {
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const conf = (name: string): string =>
    `name=${name}\nuuid=u-${name}\nplatform.memory.size=1G\nplatform.cpu.threads=1\n`;

  test('are sent as they are: host0 need not have them', async () => {
    const files = ['a', 'b'].map(name => write(`${name}.conf`, conf(name)));
    expect((await mesh(PLAN, files)).out).toBe(TEXT);
    expect(asked()).toEqual([
      { subjects: files.map((file, i) => ({ file, text: conf(i === 0 ? 'a' : 'b') })) },
    ]);
  });

  test('every problem of all of them is told, and nothing is asked', async () => {
    const files = [write('c.conf', conf('c')), write('d.conf', `${conf('c').replace('1G', '1X')}`)];
    const { status, out, err } = await mesh(PLAN, files);
    expect([status, out]).toEqual([1, '']);
    const twin = 'expected one that no other workload has; it is also in';
    expect(err.replaceAll(`${folder}/`, '').split('\n')).toEqual([
      'mesh: the files have problems, so nothing is planned',
      expect.stringMatching(/^ {2}d\.conf:3: platform\.memory\.size: got "1X", expected /),
      `  c.conf:1: name: got "c", ${twin} d.conf`,
      `  c.conf:2: uuid: got "u-c", ${twin} d.conf`,
      `  d.conf:1: name: got "c", ${twin} c.conf`,
      `  d.conf:2: uuid: got "u-c", ${twin} c.conf`,
      '',
    ]);
    expect(asked()).toEqual([]);
  });
});

describe('--start', () => {
  const done = (name: string, node: string): object => ({
    workload: name,
    node,
    done: { status: told(name) },
  });

  test('starts what was planned, each on its host, after it was shown', async () => {
    const run = [done('web', TULIP.id), done('api', TULIP.id), done('db', ROSE.id)];
    expect(await mesh(PLAN, ['-w', 'web,db,api', '--start'], { run })).toEqual({
      status: 0,
      out: expect.stringContaining(`${TEXT}\nweb: running on tulip, console port 7900\n`),
      err: '',
    });
    const whole = { verb: 'start', timeoutSeconds: 0, dryRun: false };
    expect(pxend?.runs).toEqual([
      { ...whole, workloads: ['web', 'api'], node: TULIP.id },
      { ...whole, workloads: ['db'], node: ROSE.id },
    ]);
  });

  test('--json is the plan in a line, then the lines of the starts', async () => {
    const one = { ...PLAN, placements: PLAN.placements.slice(0, 1) };
    const { out } = await mesh(one, ['-w', 'web', '--start', '--json'], { run: [done('web', TULIP.id)] });
    expect(
      out
        .trim()
        .split('\n')
        .map(line => JSON.parse(line)),
    ).toEqual([{ plan: one }, done('web', TULIP.id)]);
  });

  test('a start that fails ends with 1', async () => {
    const error = { code: 'PLACEMENT_REFUSED', message: 'no host', details: [] };
    const run = [done('web', TULIP.id), done('api', TULIP.id), { workload: 'db', node: ROSE.id, error }];
    const { status, err } = await mesh(PLAN, ['-w', 'web,db,api', '--start'], { run });
    expect([status, err]).toEqual([1, expect.stringContaining('mesh: db: no host\n')]);
  });

  test('nothing is started when one fits nowhere', async () => {
    const { status, err } = await mesh(LESS, ['-w', 'web,db', '--start']);
    expect([status, err]).toEqual([1, 'mesh: nothing is started: db without a host\n']);
    expect(pxend?.runs).toEqual([]);
  });
});

test.each([
  [[], 'nothing to plan\n  name files, or workloads of host0: -w NAME1,NAME2, -w "web-*" or -w ALL'],
  [['a.conf', '-w', 'web'], 'mesh plan takes files or -w, not both'],
  [
    ['a.conf', '--start'],
    '--start is for workloads of host0: -w; files are only planned\n  put them into /var/pxen/monoliths on host0 first',
  ],
])('%j is refused', async (words, message) =>
  expect(await mesh(PLAN, words)).toEqual({ status: 2, out: '', err: `mesh: ${message}\n` }),
);
