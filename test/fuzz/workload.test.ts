import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatWorkload } from '../../src/domain/workload/format.ts';
import { judgeOnNode, judgeTogether } from '../../src/domain/workload/judge.ts';
import { KEY_PATTERNS, KEYS } from '../../src/domain/workload/keys.ts';
import { parseWorkload } from '../../src/domain/workload/parse.ts';
import { ENGINES } from '../../src/domain/workload/workload.ts';
import { anyWorkload, furnishedWorkload } from '../fakes/workloads.ts';
import { budget, FUZZ_TIME } from './budget.ts';

const key = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...KEY_PATTERNS) },
  { weight: 1, arbitrary: fc.constantFrom('', '.', '__proto__', 'constructor', 'platform.volume', 'x') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
);
const id = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('0', '1', '2') },
  { weight: 1, arbitrary: fc.constantFrom('', '00', '999', '1000', '-1', '1e3', '<id>', '__proto__', '☃') },
);
const value = fc.oneof(
  fc.constantFrom(...KEY_PATTERNS.map(pattern => KEYS[pattern].example)),
  fc.constantFrom('', ' ', '0', '1', 'nat', 'qcow2', 'serial-tcp', 'serial-socket', 'n0', '0,n0', '1,1,1'),
  fc.constantFrom('../../etc', '/etc/passwd', '/tmp/pxen/x', '9'.repeat(400), '0K', '17T', 'http://', '/'),
  fc.constantFrom('\0', '\t', '\r', '\u2028', '\ufeff', '\ufffd', '\ud800', '#', '=', '"', '\\'),
  fc.string({ unit: 'binary', maxLength: 20 }),
);
const line = fc
  .tuple(key, id, fc.constantFrom('=', '=', '=', ' = ', '', '=='), value)
  .map(([pattern, number, equals, text]) => `${pattern.replace(/<\w+>/, () => number)}${equals}${text}`);
const text = fc.oneof(
  fc
    .array(fc.oneof(line, line, fc.string({ unit: 'binary', maxLength: 30 })), { maxLength: 40 })
    .map(lines => lines.join('\n')),
  fc
    .oneof(anyWorkload, furnishedWorkload)
    .map(formatWorkload)
    .chain(good =>
      // A good file with a piece of it replaced.
      fc
        .tuple(fc.nat(good.length), fc.nat(20), value)
        .map(([at, length, piece]) => good.slice(0, at) + piece + good.slice(at + length)),
    ),
);
const facts = fc.record(
  {
    memAvailableKiB: fc.nat(),
    nproc: fc.nat(8),
    cpuModels: fc.array(value, { maxLength: 3 }),
    interfaces: fc.array(value, { maxLength: 3 }),
    existingPaths: fc.array(value, { maxLength: 3 }),
    busyPorts: fc.array(fc.nat(65_535), { maxLength: 3 }),
    otherUuids: fc.array(value, { maxLength: 3 }),
    kvm: fc.record({ usable: fc.boolean() }),
  },
  { requiredKeys: [] },
);

/** Judged by the engine that the file names, by another one, or by none. */
const engine = fc.constantFrom(undefined, 'any' as const, ...ENGINES);

test(
  'every text is a workload that can be written down again, or problems of one line each',
  () => {
    let [runs, well] = [0, 0];
    fc.assert(
      fc.property(text, facts, fc.constantFrom('kvm', 'auto', 'tcg'), engine, (given, node, accel, by) => {
        runs++;
        const parsed = parseWorkload(given, 'f', by);
        const { lines, problems, workload } = parsed;
        expect(workload === undefined).toBe(problems.length > 0);
        const onNode = workload ? judgeOnNode({ ...parsed, workload }, node, accel) : [];
        const together = judgeTogether([parsed, parseWorkload(given, 'g', by)]);
        for (const { message } of [...problems, ...onNode, ...together])
          expect(message).toMatch(
            /^[fg](:\d+)?: \P{Cc}+: (is missing|is empty|got \P{Cc}+), expected \P{Cc}+$/u,
          );
        for (const number of lines.values()) expect(number).toBeLessThanOrEqual(given.split('\n').length);
        if (!workload) return;
        well++;
        const { problems: none, workload: again } = parseWorkload(formatWorkload(workload), 'f', by);
        expect([none, again]).toEqual([[], workload]);
      }),
      budget('workload'),
    );
    console.log(`fuzz workload: ${runs} files, ${well} without problems`);
    expect(well).toBeGreaterThan(0);
  },
  FUZZ_TIME + 20_000,
);

test('the worst files that are allowed take less than a second of processor time', () => {
  const worst = [
    // Near-miss hints for 2000 keys.
    Array.from({ length: 2000 }, (_, at) => `platform.volumes.${at % 1000}.paht=`).join('\n'),
    // Volumes, all of them too many, each named in a boot order.
    `runtime.boot=${Array.from({ length: 128 }, (_, at) => at).join(',')}\n${Array.from({ length: 1500 }, (_, at) => `platform.volume.${at % 1000}.type=iso`).join('\n')}`,
    `${'platform.'.repeat(7000)}=1`,
    `runtime.boot=${'0,'.repeat(32_000)}`,
    `platform.volume.0.path=${'/a'.repeat(32_000)}`,
    `platform.volume.0.source=http://${'a.'.repeat(32_000)}`,
    `platform.memory.size=${'9'.repeat(65_000)}K`,
    `network.0.mac=${'52:'.repeat(20_000)}`,
    `${'='.repeat(65_000)}`,
    `${'\ud83d'.repeat(20_000)}`,
  ];
  for (const file of worst) {
    const before = process.cpuUsage();
    expect(parseWorkload(file, 'f').problems.length).toBeGreaterThan(0);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(1);
  }
});
