import { expect, test } from 'vitest';
import { NOTHING } from '../../../../src/domain/placement/cost.ts';
import { priceAt } from '../../../../src/domain/placement/curve.ts';
import { costCurves } from '../../../../src/domain/placement/curves.ts';
import { curveOf } from './rules-of.ts';

const RULES = {
  id: 'f',
  name: 'f',
  description: '',
  vms: curveOf('{ curve: linear, slope: 2, base: 1 }'),
  memory: curveOf('{ curve: hard-soft, soft: 4, hard: 8, scale: 10 }'),
  devices: new Map([['fpga', curveOf('{ curve: constant, value: 7 }')]]),
  scale: 3,
  offset: 100,
};
const USAGE = {
  ...NOTHING,
  vms: 2,
  vcpus: 9,
  memory: 6,
  devices: new Map([
    ['fpga', 1],
    ['gpu', 2],
    ['nic', 0],
  ]),
};

test('there is one for each curve and each device in use, at its usage, scaled as the function scales it', () => {
  expect(costCurves(RULES, USAGE).map(({ pieces: _, ...curve }) => curve)).toEqual([
    { part: 'vms', at: 2, cost: 15 },
    { part: 'memory', at: 6, cost: 165 },
    { part: 'device', type: 'fpga', at: 1, cost: 21 },
    { part: 'device', type: 'gpu', at: 2, cost: Infinity },
  ]);
});

test('its pieces are the whole curve', () => {
  const memory = costCurves(RULES, USAGE).find(({ part }) => part === 'memory');
  expect([0, 4, 8, 9].map(at => priceAt(memory?.pieces ?? [], at))).toEqual([0, 30, 300, Infinity]);
});
