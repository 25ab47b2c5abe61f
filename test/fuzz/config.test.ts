import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDiagnostic } from '../../src/base/diagnostic.ts';
import { parseConfig } from '../../src/domain/config/parse.ts';
import { SETTING_PATHS, variableOf } from '../../src/domain/config/settings.ts';
import { budget, FUZZ_TIME } from './budget.ts';

const sections = [...new Set(SETTING_PATHS.map(path => path.split('.')[0]!))];
const word = fc.oneof(
  fc.constantFrom(...SETTING_PATHS, ...sections, ...SETTING_PATHS.map(path => path.split('.').at(-1)!)),
  fc.constantFrom(
    '',
    ' ',
    '\t',
    '\n  ',
    '\n',
    ': ',
    '- ',
    '&a ',
    '*a',
    '? ',
    '!!binary ',
    '!x ',
    '|',
    '>',
    '---\n',
    '...',
    '%YAML 1.1\n',
    '<<: ',
  ),
  fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    '#',
    '"',
    "'",
    '\\',
    '\u0000',
    '\u2028',
    '\ufeff',
    '\ud800',
    '0x1f',
    '1e999',
    '.nan',
    '-0',
    '~',
    '12:30',
  ),
  fc.constantFrom(
    '10.0.0.1',
    '10.0.0.1-10.0.0.9',
    '80',
    '1h',
    'true',
    'tty0',
    'null',
    '__proto__',
    'constructor',
    '[a, b]',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
const text = fc.array(word, { maxLength: 40 }).map(words => words.join(''));
const environment = fc.dictionary(
  fc.oneof(
    fc.constantFrom(...SETTING_PATHS.map(variableOf)),
    word.map(w => `PXEN_${w}`),
  ),
  text,
  { maxKeys: 4 },
);
const flags = fc.dictionary(fc.constantFrom(...SETTING_PATHS), text, { maxKeys: 3 });

test(
  'whatever stands in the file, the environment and the flags: a whole configuration or problems of one line each',
  () => {
    let runs = 0;
    fc.assert(
      fc.property(text, environment, flags, (fileText, variables, options) => {
        runs++;
        const result = parseConfig({
          file: { path: 'f', text: fileText },
          environment: variables,
          flags: options,
        });
        if ('config' in result) {
          expect(Object.keys(result.config)).toEqual(SETTING_PATHS);
          return;
        }
        expect(result.problems.length).toBeGreaterThan(0);
        for (const message of result.problems.map(formatDiagnostic)) expect(message).toMatch(/^\P{Cc}+$/u);
      }),
      budget('config'),
    );
    console.log(`fuzz config: ${runs} configurations`);
  },
  FUZZ_TIME + 20_000,
);
