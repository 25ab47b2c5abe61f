import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDiagnostic } from '../../src/base/diagnostic.ts';
import { readHocon } from '../../src/domain/hocon/read.ts';
import type { HoconValue } from '../../src/domain/hocon/tree.ts';
import { plain } from '../unit/domain/hocon/documents.ts';
import { budget, FUZZ_TIME } from './budget.ts';

const TIMEOUT = FUZZ_TIME + 20_000;

const scrap = fc.constantFrom(
  ...[
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '=',
    '+=',
    '\n',
    ' ',
    '"',
    '"""',
    '\\',
    '#',
    '//',
    '/',
    '.',
    '-',
    '1',
    '1e',
    '0x',
  ],
  ...[
    '${',
    '${?',
    '${a}',
    '${?a.b}',
    'a',
    'b',
    'a.b',
    'a.b.c',
    'true',
    'null',
    'include ',
    'include "f"',
    'required(',
  ],
  ...[
    '"x"',
    '"\\u00',
    '__proto__',
    'constructor',
    '\0',
    '\u2028',
    '\ufeff',
    '\ud800',
    '☃',
    '16 GiB',
    '^',
    '?',
    '@',
  ],
);
const text = fc.oneof(
  { weight: 4, arbitrary: fc.array(scrap, { maxLength: 80 }).map(parts => parts.join('')) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 300 }) },
);

/** Every value of a tree has a place in one of the files. */
function checkOrigins(value: HoconValue, lines: Readonly<Record<string, number>>): void {
  const { file, line } = value.origin;
  expect(line).toBeGreaterThanOrEqual(1);
  expect(line).toBeLessThanOrEqual(lines[file] ?? 0);
  if (value.kind === 'object') for (const field of value.fields.values()) checkOrigins(field, lines);
  if (value.kind === 'list') for (const item of value.items) checkOrigins(item, lines);
}

const linesOf = (source: string): number => source.split('\n').length;

describe('the HOCON parser', () => {
  test(
    'answers every text with values or problems, each with its line',
    () => {
      let good = 0;
      fc.assert(
        fc.property(text, text, (main, included) => {
          const { root, problems } = readHocon(main, 'main', () => ({
            kind: 'text',
            file: 'f',
            text: included,
          }));
          const lines = { main: linesOf(main), f: linesOf(included) };
          for (const problem of problems) {
            expect(formatDiagnostic(problem)).toMatch(/^(main|f):\d+: \S.*: got .*, expected /s);
            expect(problem.line).toBeLessThanOrEqual(lines[problem.file as 'main' | 'f']);
          }
          checkOrigins(root, lines);
          if (problems.length === 0) good++;
        }),
        budget('hocon'),
      );
      expect(good).toBeGreaterThan(0);
    },
    TIMEOUT,
  );

  test(
    'reads JSON as JSON.parse does',
    () => {
      fc.assert(
        fc.property(
          fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })),
          fc.constantFrom(0, 1),
          (value, indent) => {
            const json = JSON.stringify(value, null, indent);
            const { root, problems } = readHocon(json, 'main', () => ({ kind: 'missing' }));
            expect(problems).toEqual([]);
            expect(JSON.stringify(plain(root))).toBe(JSON.stringify(JSON.parse(json)));
          },
        ),
        budget('hocon of JSON'),
      );
    },
    TIMEOUT,
  );
});
