import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDiagnostic } from '../../src/base/diagnostic.ts';
import { readHocon } from '../../src/domain/hocon/read.ts';
import { costOf } from '../../src/domain/placement/cost.ts';
import { readSnapshot } from '../../src/domain/placement/parse-snapshot.ts';
import { place } from '../../src/domain/placement/place.ts';
import { plan } from '../../src/domain/placement/plan.ts';
import { formatWarning, readRules } from '../../src/domain/placement/rules.ts';
import { budget, FUZZ_TIME } from './budget.ts';

const TIMEOUT = FUZZ_TIME + 20_000;

const number = fc.oneof(
  fc.constantFrom(0, 1, -1, 2, 8, 1e308, -1e308, 1e-300, 2 ** 53, 0.1),
  fc.integer({ min: -5, max: 40 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const scalar = fc.oneof(
  { weight: 4, arbitrary: number },
  fc.constantFrom(
    'x',
    '',
    '16 GiB',
    '1 KB',
    'on',
    'enabled',
    'f',
    'p',
    '01:00.0',
    'libvirt',
    null,
    true,
    '__proto__',
  ),
);
const word = fc.constantFrom('f', 'p', 'gpu', 'a', '__proto__', 'constructor', 'a b', '1');

const curve = fc.letrec<{ curve: object }>(tie => ({
  curve: fc.record(
    {
      curve: fc.constantFrom('constant', 'invalid', 'linear', 'hard-soft', 'unavailable', 'piecewise', 'x'),
      value: scalar,
      slope: scalar,
      base: scalar,
      soft: scalar,
      hard: scalar,
      cutoff: scalar,
      scale: scalar,
      max: scalar,
      low: tie('curve'),
      high: tie('curve'),
    },
    { requiredKeys: ['curve'] },
  ),
})).curve;

/** Only the keys that its curve has: else most of them would be refused for the rest. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  constant: ['value'],
  linear: ['slope', 'base'],
  'hard-soft': ['soft', 'hard'],
  piecewise: ['cutoff', 'low', 'high'],
};

function fitting(value: object): object {
  const kind = 'curve' in value ? String(value.curve) : '';
  const keys = ['curve', 'scale', 'max', ...(KEYS[kind] ?? [])];
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => keys.includes(key))
      .map(([key, inner]) => [key, typeof inner === 'object' && inner !== null ? fitting(inner) : inner]),
  );
}

const someCurve = fc.oneof({ weight: 5, arbitrary: curve.map(fitting) }, curve, scalar);
const costFunction = fc.record(
  {
    vms: someCurve,
    vcpus: someCurve,
    memory: someCurve,
    devices: fc.dictionary(word, someCurve),
    scale: scalar,
    offset: scalar,
  },
  { requiredKeys: [] },
);
const profile = fc.record(
  {
    cores: scalar,
    memory: scalar,
    'cost-function': word,
    devices: fc.array(fc.record({ type: word, addr: scalar })),
  },
  { requiredKeys: ['cores', 'memory', 'cost-function'] },
);
const usage = fc.record(
  { vms: scalar, vcpus: scalar, memory: scalar, devices: fc.dictionary(word, scalar) },
  { requiredKeys: [] },
);
const host = fc.record(
  {
    name: word,
    profile: word,
    state: fc.constantFrom('enabled', 'disabled', 'x'),
    usage,
    runningCoschedule: fc.array(scalar),
    groups: fc.dictionary(word, scalar),
  },
  { requiredKeys: ['name', 'profile', 'state'] },
);
const request = fc.record(
  {
    vcpus: scalar,
    memory: scalar,
    devices: fc.dictionary(word, scalar),
    coschedule: scalar,
    node: word,
    group: word,
  },
  { requiredKeys: ['vcpus', 'memory'] },
);
const snapshot = fc.record(
  {
    costFunctions: fc.dictionary(word, costFunction, { maxKeys: 2 }),
    profiles: fc.dictionary(word, profile, { maxKeys: 2 }),
    hosts: fc.array(host, { maxLength: 4 }),
    request,
    requests: fc.array(request, { maxLength: 5 }),
    spreadCost: scalar,
    x: scalar,
  },
  { requiredKeys: [] },
);

/** Curves that are well, of numbers that need not be reasonable. */
const goodCurve = fc.letrec<{ curve: object }>(tie => {
  const scale = fc.constantFrom(0, 1, 0.5, 1e308);
  return {
    curve: fc.oneof(
      { depthSize: 'small' },
      fc.record({ curve: fc.constant('constant'), value: number, scale }),
      fc.record({ curve: fc.constant('linear'), slope: number, base: number, scale }),
      fc.record({
        curve: fc.constant('hard-soft'),
        soft: fc.constantFrom(1e-300, 1, 8),
        hard: fc.constantFrom(8, 1e308),
      }),
      fc.record({
        curve: fc.constant('piecewise'),
        cutoff: number,
        low: tie('curve'),
        high: tie('curve'),
        scale,
      }),
    ),
  };
}).curve;

/** A snapshot that is well. */
const good = fc
  .tuple(goodCurve, goodCurve, number, fc.array(fc.nat(2), { maxLength: 3 }), fc.integer({ min: 1, max: 9 }))
  .map(([vms, vcpus, offset, gpus, most]) => ({
    costFunctions: {
      f: { memory: { curve: 'constant', value: 1 } },
      a: { vms, vcpus, offset, devices: { gpu: vcpus } },
    },
    profiles: {
      p: { cores: 8, memory: '8 GiB', 'cost-function': 'f', devices: [{ type: 'gpu', addr: '01:00.0' }] },
      a: { cores: 8, memory: '8 GiB', 'cost-function': 'a', devices: [{ type: 'gpu', addr: '01:00.0' }] },
    },
    hosts: gpus.map((gpu, i) => ({
      name: `h${i}`,
      profile: gpu === 0 ? 'p' : 'a',
      state: 'enabled',
      usage: { vms: i, devices: { gpu } },
    })),
    requests: [
      { vcpus: most, memory: 2 ** 20 },
      { vcpus: 1, memory: 1, devices: { gpu: 1 } },
      { vcpus: 2, memory: 1, group: 'a', coschedule: most - 2 },
    ],
  }));

function rootOf(value: unknown): ReturnType<typeof readHocon> {
  return readHocon(JSON.stringify(value, null, 1), 'file', () => ({ kind: 'missing' }));
}

const TOLD = /^file:\d+: \S.*: (got .*|is missing), expected /s;

describe('the reader of snapshots', () => {
  test(
    'answers every snapshot with problems or with placements that hold',
    () => {
      let placed = 0;
      fc.assert(
        fc.property(fc.oneof(snapshot, good), value => {
          const document = rootOf(value);
          expect(document.problems).toEqual([]);
          const read = readSnapshot(document.root);
          for (const problem of read.problems) expect(formatDiagnostic(problem)).toMatch(TOLD);
          for (const warning of read.warnings) expect(formatWarning(warning)).toMatch(/^file:\d+: \S/);
          if (read.problems.length > 0) return;
          for (const asked of read.requests) {
            const { host: name, costs } = place(read.snapshot, asked);
            expect(costs.every(({ total }) => !Number.isNaN(total))).toBe(true);
            if (name !== null) placed++;
          }
          const planned = plan(read.snapshot, read.requests, 10_000);
          expect(planned.score.placed).toBeGreaterThanOrEqual(planned.oneByOne.placed);
          expect(Number.isNaN(planned.score.cost)).toBe(false);
        }),
        budget('snapshots'),
      );
      expect(placed).toBeGreaterThan(0);
    },
    TIMEOUT,
  );

  test(
    'and the one of rules likewise',
    () => {
      let read = 0;
      const rules = fc.record(
        {
          'cost-functions': fc.dictionary(word, costFunction, { maxKeys: 3 }),
          'hardware-profiles': fc.dictionary(word, profile, { maxKeys: 2 }),
          realms: fc.dictionary(
            word,
            fc.record({ disabled: scalar, driver: scalar, name: scalar, drives: scalar }),
          ),
        },
        { requiredKeys: [] },
      );
      fc.assert(
        fc.property(rules, number, (value, input) => {
          const { rules: result, problems, warnings } = readRules([rootOf({ pxen: { vm: value } })]);
          for (const problem of problems) expect(formatDiagnostic(problem)).toMatch(TOLD);
          for (const warning of warnings) expect(formatWarning(warning)).toMatch(/^file:\d+: \S/);
          if (problems.length > 0) return;
          read++;
          for (const costFunctionRead of result.costFunctions.values()) {
            const { total, parts } = costOf(costFunctionRead, {
              vms: input,
              vcpus: input,
              memory: input,
              devices: new Map([['gpu', input]]),
            });
            expect([total, parts.vms, parts.vcpus, parts.memory].some(Number.isNaN)).toBe(false);
          }
        }),
        budget('rules'),
      );
      expect(read).toBeGreaterThan(0);
    },
    TIMEOUT,
  );
});
