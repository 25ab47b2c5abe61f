import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDiagnostic } from '../../src/base/diagnostic.ts';
import { parseGroups, parseOwner, parsePackages } from '../../src/domain/manifest/lists.ts';
import { parseManifest } from '../../src/domain/manifest/parse.ts';

const seconds = Number(process.env['PXEN_FUZZ_SECONDS'] ?? 2);
const seed = Number(process.env['PXEN_FUZZ_SEED'] ?? Date.now() % 2 ** 31);

const scrap = fc.constantFrom(
  'O',
  'A',
  'L',
  'D',
  'R',
  'X',
  ' ',
  '\t',
  '\r',
  '"',
  '\\',
  '#',
  '=',
  '/',
  '..',
  '.',
  'MODE=',
  'SRC=',
  'TGT=',
  'root:root:0644',
  '/etc/x',
  '0:0:7777',
  '__proto__',
  'constructor=',
  '\0',
  '\ud800',
  '☃',
);
const text = fc.oneof(
  fc
    .array(fc.oneof(scrap, scrap, fc.string({ unit: 'binary', maxLength: 4 }), fc.constant('\n')), {
      maxLength: 60,
    })
    .map(parts => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 400 }),
);

/** A line of the manifest that would be read as the same action. */
function written(action: ReturnType<typeof parseManifest>['actions'][number]): string {
  const quoted = (value: string) => `"${value.replace(/["\\]/g, '\\$&')}"`;
  const mode =
    'mode' in action
      ? ` MODE=${action.mode.user}:${action.mode.group}:${action.mode.permissions.toString(8).padStart(4, '0')}`
      : '';
  const source = 'source' in action ? ` SRC=${quoted(action.source)}` : '';
  return `${action.action}${mode}${source} TGT=${quoted(action.target)}`;
}

test(
  `the parser answers every text with actions or problems, each with its line (${seconds} s, PXEN_FUZZ_SEED=${seed})`,
  () => {
    console.log(`fuzz manifest: PXEN_FUZZ_SEED=${seed}`);
    let runs = 0;
    fc.assert(
      fc.property(text, manifest => {
        runs++;
        const { actions, problems } = parseManifest(manifest, 'manifest');
        const lineCount = manifest.split('\n').length;
        for (const { origin, target } of actions) {
          expect(origin.line).toBeLessThanOrEqual(lineCount);
          expect(target).toMatch(/^(\/(?!\.{1,2}(\/|$))[^/\0\n\t]+)+$/);
        }
        for (const problem of problems)
          expect(formatDiagnostic(problem)).toMatch(/^manifest:\d+: \S.*: (got|is missing).*expected /s);
        const again = parseManifest(actions.map(written).join('\n'), 'manifest');
        expect(again.problems).toEqual([]);
        expect(again.actions.map(written)).toEqual(actions.map(written));
        parseGroups(manifest, 'groups', ['web']);
        parsePackages(manifest, 'packages');
        parseOwner(manifest, 'UUID');
      }),
      {
        seed,
        numRuns: Number.MAX_SAFE_INTEGER,
        interruptAfterTimeLimit: seconds * 1000,
        markInterruptAsFailure: false,
      },
    );
    console.log(`fuzz manifest: ${runs} texts`);
    expect(runs).toBeGreaterThan(100);
  },
  (seconds + 20) * 1000,
);
