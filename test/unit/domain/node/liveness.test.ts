import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../../../../src/base/ipv4.ts';
import type { MachineId } from '../../../../src/domain/machine/genid.ts';
import { liveness, progressAt } from '../../../../src/domain/node/liveness.ts';
import { type NodeRecord, newNode, type ReportedState } from '../../../../src/domain/node/record.ts';
import { BEGAN, bootOf, type Step } from '../../../fakes/boots.ts';
import { FACTS, LOAD } from '../../../fakes/registry.ts';

function node(reportAt: number | undefined, boots: NodeRecord['boots'] = []): NodeRecord {
  const report: ReportedState | undefined =
    reportAt === undefined
      ? undefined
      : {
          at: reportAt,
          address: '10.0.0.1' as Ipv4,
          bootId: 'k1',
          facts: FACTS,
          load: LOAD,
          trust: 'lease',
          interval: 10,
        };
  return { ...newNode('91d5815f' as MachineId, 0), boots, ...(report ? { report } : {}) };
}

const boot = (startedAt: number, lastAt: number, bootId?: string): NodeRecord['boots'] => [
  { startedAt, bootId, dropped: 0, events: [{ at: lastAt, stage: 'kernel', text: '' }] },
];

describe('liveness of a node that reports every 10 s', () => {
  const cases: [string, NodeRecord, number, number, string][] = [
    ['reported just now', node(1_000_000), 1_001_000, 0, 'up'],
    ['missed two reports', node(1_000_000), 1_029_000, 0, 'up'],
    ['missed three', node(1_000_000), 1_031_000, 0, 'silent'],
    ['host0 was away and is back for 5 s', node(1_000_000), 2_005_000, 2_000_000, 'unknown'],
    ['host0 was away for a moment only', node(1_000_000), 1_003_000, 1_002_000, 'unknown'],
    ['reported to this very host0', node(1_002_000), 1_003_000, 1_002_000, 'up'],
    ['host0 is back for 40 s', node(1_000_000), 2_040_000, 2_000_000, 'silent'],
    ['never reported, boots', node(undefined, boot(1_000_000, 1_010_000)), 1_020_000, 0, 'booting'],
    ['never reported, quiet for 90 s', node(undefined, boot(1_000_000, 1_010_000)), 1_100_000, 0, 'stalled'],
    ['reported, and boots again', node(1_000_000, boot(1_050_000, 1_060_000)), 1_061_000, 0, 'booting'],
    [
      'the boot it reported from began earlier',
      node(1_000_000, boot(990_000, 999_000, 'k1')),
      1_001_000,
      0,
      'up',
    ],
  ];
  test.each(cases)('%s', (_, record, now, since, expected) => {
    expect(liveness(record, now, since)).toBe(expected);
  });
});

test.each<[string, Step[], number]>([
  [
    'a DISCOVER that nobody takes an offer for, again and again',
    ['discover/fw', 'offer/fw', 'discover/fw', 'offer/fw'],
    1000,
  ],
  ['a refusal', ['discover/ipxe', 'ack/ipxe', 'script', ['problem', { step: 'kernel' }]], 2000],
  [
    'the same file once more',
    ['discover/fw', 'ack/fw', ['nbp', { file: 'a' }], ['nbp', { file: 'a' }]],
    2000,
  ],
])('%s is no step ahead', (_, steps, at) => {
  expect(progressAt(bootOf(...steps), 0) - BEGAN).toBe(at);
});
