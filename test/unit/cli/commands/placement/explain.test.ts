import { afterEach, describe, expect, test } from 'vitest';
import type { PlacementView } from '../../../../../src/api/placement.ts';
import { PxenError } from '../../../../../src/base/error.ts';
import { meshUnder, type Ran } from '../../mesh.ts';
import { type FakePxend, fakePxend, type Play } from '../../pxend.ts';
import { KVM_HOST } from '../host/views.ts';
import { NODES, ROSE, view } from '../workload/views.ts';

let pxend: FakePxend | undefined;
afterEach(async () => {
  await pxend?.stop();
  pxend = undefined;
});

const GiB = 2 ** 30;
const PARTS = { vms: 3, vcpus: 1, memory: 2.5, devices: {}, offset: 0 };
const FLAT = { start: 0, rise: 0, from: 0, run: 1, scale: 1 };
const DECISION: PlacementView = {
  workload: 'web',
  host: 'tulip',
  node: NODES[0]?.id,
  reasons: ['rose: costs Infinity, tulip costs 6.5'],
  costs: [
    { host: 'rose', total: 'Infinity', parts: { ...PARTS, vms: 'Infinity', spread: 'Infinity' } },
    { host: 'tulip', total: 6.5, parts: { ...PARTS, spread: 0 } },
  ],
};
const CURVES: NonNullable<PlacementView['curves']> = {
  host: 'tulip',
  of: [
    {
      part: 'memory',
      at: 6 * GiB,
      cost: 2.5,
      pieces: [
        { ...FLAT, upTo: 4 * GiB, rise: 1, run: 4 * GiB },
        { ...FLAT, above: 4 * GiB, upTo: 8 * GiB, start: 1, rise: 3, from: 4 * GiB, run: 4 * GiB },
      ],
    },
    { part: 'device', type: 'fpga', at: 1, cost: 'Infinity', pieces: [{ ...FLAT, upTo: 0 }] },
  ],
};

async function explain(decision: PlacementView, words: readonly string[], play: Play = {}): Promise<Ran> {
  const answers = { 'POST /api/v1/placements': decision };
  const known = { nodes: NODES, workloads: [view('web'), view('db')], hosts: [[KVM_HOST]] };
  pxend = await fakePxend({ ...known, answers, ...play });
  return meshUnder(pxend.root, 'cost', 'explain', ...words);
}

const TEXT = [
  'web goes to tulip',
  '',
  'HOST   COST      VMS       VCPUS  MEMORY  DEVICES  OFFSET  SPREAD',
  'rose   Infinity  Infinity  1      2.5     -        0       Infinity',
  'tulip  6.5       3         1      2.5     -        0       0',
  '',
  'rose: costs Infinity, tulip costs 6.5',
  '',
].join('\n');

test('is a table of what every host would cost, with the winner and the reasons', async () => {
  expect(await explain(DECISION, ['-w', 'web'])).toEqual({ status: 0, out: TEXT, err: '' });
  expect(pxend?.placing).toEqual([
    ['POST /api/v1/placements', { subject: { workload: 'web' }, curves: false }],
  ]);
});

test('--plot draws what the host is priced by, and marks where the workload would be', async () => {
  const { out } = await explain({ ...DECISION, curves: CURVES }, ['web', '--plot']);
  const [memory = '', fpga = ''] = out.split('\n\ntulip: fpga');
  expect(memory).toBe(
    [
      TEXT,
      'tulip: memory at 6.0 GiB costs 2.5 (O)',
      '  Infinity |                                     ^^^^^^^^^',
      '         4 |                                   **',
      '           |                                 **',
      '           |                               **',
      '           |                             **',
      '           |                           O*',
      '           |                         **',
      '           |                      ***',
      '           |                    **',
      '           |                 ***',
      '           |          *******',
      '           |    ******',
      '         0 |****',
      '           +----------------------------------------------',
      '            0 B                                   10.0 GiB',
    ].join('\n'),
  );
  expect(fpga.split('\n').slice(0, 2)).toEqual([
    ' at 1 costs Infinity (O)',
    expect.stringMatching(/^ {2}Infinity \| \^+O\^+$/),
  ]);
  expect(pxend?.placing).toEqual([
    ['POST /api/v1/placements', { subject: { workload: 'web' }, curves: true }],
  ]);
});

test.each([
  ['rose', ROSE.id],
  ['kvm1', KVM_HOST.id],
])('-n %s asks about that host', async (name, node) => {
  await explain(DECISION, ['web', '-n', name]);
  expect(pxend?.placing).toEqual([
    ['POST /api/v1/placements', { subject: { workload: 'web' }, curves: false, node }],
  ]);
});

test('what fits nowhere ends with 1', async () => {
  const { out, status } = await explain({ ...DECISION, host: null }, ['web']);
  expect([status, out.split('\n')[0]]).toEqual([1, 'web fits nowhere']);
});

test('--json is what pxend said', async () => {
  const whole = { ...DECISION, curves: CURVES };
  expect(JSON.parse((await explain(whole, ['web', '--json'])).out)).toEqual(whole);
});

describe('what can go wrong', () => {
  const refuse = new PxenError('WORKLOAD_INVALID', 'web.conf: 1 problem', { details: ['web.conf:1: x'] });
  test.each<[string[], Play, Ran]>([
    [['wep'], {}, { status: 1, out: '', err: 'mesh: no workload wep; did you mean web?\n' }],
    [
      ['-w', 'ALL'],
      {},
      { status: 2, out: '', err: 'mesh: this command takes one workload\n  these fit: web, db\n' },
    ],
    [
      ['web'],
      { refuse, answers: {} },
      { status: 1, out: '', err: 'mesh: web.conf: 1 problem\n  web.conf:1: x\n' },
    ],
  ])('%j', async (words, play, ran) => expect(await explain(DECISION, words, play)).toEqual(ran));
});
