import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { finishDraft } from '../../src/domain/vm/draft.ts';
import { IMPORT_FORMATS, IMPORT_NAMES } from '../../src/domain/vm/formats.ts';
import { formatWorkload } from '../../src/domain/workload/format.ts';
import { parseWorkload } from '../../src/domain/workload/parse.ts';
import { importOptions } from '../fakes/machines.ts';
import { budget, FUZZ_TIME } from './budget.ts';

const FOLDER = join(import.meta.dirname, '../golden/imports');
const SAMPLES = readdirSync(FOLDER)
  .filter(file => !file.endsWith('.conf'))
  .map(file => readFileSync(join(FOLDER, file), 'utf8'));

const piece = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    "'",
    '\\',
    '\n',
    '\0',
    '\u2028',
    '=',
    '-',
    '--',
  ),
  fc.constantFrom(
    'null',
    'true',
    '-1',
    '1e400',
    '0',
    '""',
    '{}',
    '[]',
    '"../../etc"',
    '"a\\nb=c"',
    '\\u0000',
  ),
  fc.constantFrom('-drive', '-append', '-S', 'id=', 'vsock,', '__proto__', '"__proto__":', 'constructor'),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
/** A sample with pieces of it replaced. */
const mutated = fc
  .constantFrom(...SAMPLES)
  .chain(sample =>
    fc
      .array(fc.tuple(fc.nat(sample.length), fc.nat(30), piece), { maxLength: 4 })
      .map(changes =>
        changes.reduce(
          (text, [at, length, part]) => text.slice(0, at) + part + text.slice(at + length),
          sample,
        ),
      ),
  );
const text = fc.oneof(
  mutated,
  fc.json({ maxDepth: 4 }),
  fc.array(piece, { maxLength: 30 }).map(parts => parts.join('')),
);

test(
  'whatever is imported is a workload file that is well, or problems of one line each',
  () => {
    let [runs, well] = [0, 0];
    fc.assert(
      fc.property(text, fc.constantFrom(...IMPORT_NAMES), (given, format) => {
        runs++;
        const draft = IMPORT_FORMATS[format].read(given, importOptions('vm'));
        const { notes, problems, workload } = finishDraft(draft, 'f');
        expect(workload === undefined).toBe(problems.length > 0);
        for (const { expected, got = '', key } of problems)
          expect(`${key}${got}${expected}`).not.toMatch(/[\n\0]/);
        for (const note of notes) expect(`${note.key}${note.text}`).not.toMatch(/[\n\0]/);
        if (!workload) return;
        well++;
        expect(parseWorkload(formatWorkload(workload), 'f')).toMatchObject({ problems: [], workload });
      }),
      budget('imports'),
    );
    console.log(`fuzz imports: ${runs} configurations, ${well} without problems`);
    expect(well).toBeGreaterThan(0);
  },
  FUZZ_TIME + 20_000,
);

test('the worst configurations that are allowed take less than a second of processor time', () => {
  const worst: readonly (readonly [(typeof IMPORT_NAMES)[number], string])[] = [
    ['stratovirt-json', `{"drive": [${Array(20_000).fill('{"a":1}').join(',')}]}`],
    ['stratovirt-json', '['.repeat(200_000)],
    ['stratovirt-json', `{"boot-source": {"boot_args": "${'a '.repeat(120_000)}"}}`],
    ['stratovirt-cli', '-x '.repeat(80_000)],
    ['stratovirt-cli', `-drive ${'id=a,'.repeat(50_000)}`],
    ['stratovirt-cli', `"${'\\"'.repeat(120_000)}`],
  ];
  for (const [format, given] of worst) {
    const before = process.cpuUsage();
    const { problems } = finishDraft(IMPORT_FORMATS[format].read(given, importOptions('vm')), 'f');
    expect(problems.length).toBeGreaterThan(0);
    const { user, system } = process.cpuUsage(before);
    expect([format, given.slice(0, 20), (user + system) / 1e6 < 1]).toEqual([
      format,
      given.slice(0, 20),
      true,
    ]);
  }
});
