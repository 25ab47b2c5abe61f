import { describe, expect, test } from 'vitest';
import { type Cost, costOf, plus } from '../../../../src/domain/placement/cost.ts';
import { rulesOf, SEED_COSTS, SEED_FILES, SEED_RULES } from './rules-of.ts';

const GiB = 2 ** 30;
const seed = rulesOf(SEED_RULES, SEED_FILES);

function cost(
  id: string,
  vms: number,
  vcpus: number,
  memory: number,
  devices: Record<string, number> = {},
): Cost {
  const rules = seed.costFunctions.get(id);
  if (!rules) throw new Error(id);
  return costOf(rules, { vms, vcpus, memory: memory * GiB, devices: new Map(Object.entries(devices)) });
}

describe('the cost functions of the document', () => {
  test.each(SEED_COSTS)(
    '%s with %d VMs, %d vCPUs, %d GiB, %j costs %d',
    (id, vms, vcpus, memory, devices, total) => {
      expect(cost(id, vms, vcpus, memory, devices).total).toBe(total);
    },
  );

  test('names and descriptions are theirs, or the id', () => {
    expect(
      [...seed.costFunctions.values()].map(({ id, name, description }) => [id, name, description]),
    ).toEqual([
      ['simple', 'Simple', 'A basic cost function'],
      ['nvidia-gpu', 'GPU Node', 'Used for GPU nodes with the standard configuration'],
      ['pool1', 'Pool 1', ''],
      ['pool2', 'Pool 2', ''],
    ]);
  });
});

describe('scale and offset', () => {
  const { costFunctions } = rulesOf(`pxen.vm.cost-functions.f {
    vms { curve: linear, slope: 1, base: 0 }
    devices.gpu { curve: linear, slope: 2, base: 1 }
    scale: 3
    offset: -5
  }`);

  test('the offset is not scaled, and the parts add up to the total', () => {
    const [rules] = [...costFunctions.values()];
    const result = rules && costOf(rules, { vms: 2, vcpus: 99, memory: 99, devices: new Map([['gpu', 2]]) });
    expect(result).toEqual({
      total: 16,
      parts: { vms: 6, vcpus: 0, memory: 0, devices: { gpu: 15 }, offset: -5 },
    });
  });

  test('Infinity stays Infinity at scale 0 (TC-18)', () => {
    const { costFunctions: zero } = rulesOf(`pxen.vm.cost-functions.f {
      vms { curve: hard-soft, soft: 1, hard: 2 }
      scale: 0
    }`);
    const totals = [1, 2, 3].map(vms => {
      const rules = zero.get('f');
      return rules && costOf(rules, { vms, vcpus: 0, memory: 0, devices: new Map() }).total;
    });
    expect(totals).toEqual([0, 0, Infinity]);
  });

  test('a device type that nothing uses costs nothing, not even its base', () => {
    const rules = costFunctions.get('f');
    expect(
      rules && costOf(rules, { vms: 0, vcpus: 0, memory: 0, devices: new Map([['gpu', 0]]) }).total,
    ).toBe(-5);
  });
});

test('usages add up by type', () => {
  const a = { vms: 1, vcpus: 2, memory: 3, devices: new Map([['x', 1]]) };
  const b = {
    vms: 1,
    vcpus: 1,
    memory: 1,
    devices: new Map([
      ['x', 1],
      ['constructor', 2],
    ]),
  };
  expect(plus(a, b)).toEqual({
    vms: 2,
    vcpus: 3,
    memory: 4,
    devices: new Map([
      ['x', 2],
      ['constructor', 2],
    ]),
  });
});
