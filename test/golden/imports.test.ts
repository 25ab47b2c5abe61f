import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatDiagnostic } from '../../src/base/diagnostic.ts';
import { finishDraft } from '../../src/domain/vm/draft.ts';
import { IMPORT_FORMATS, IMPORT_NAMES } from '../../src/domain/vm/formats.ts';
import { formatWorkload } from '../../src/domain/workload/format.ts';
import { importOptions } from '../fakes/machines.ts';

const FOLDER = join(import.meta.dirname, 'imports');

/** `name.stratovirt-json` and the like, with the workload file that it comes to beside it: the same name and `.conf`. */
const pairs = readdirSync(FOLDER).flatMap(file => {
  const format = IMPORT_NAMES.find(each => file.endsWith(`.${each}`));
  return format === undefined ? [] : [{ file, format }];
});

function imported(file: string, format: (typeof IMPORT_NAMES)[number]): string {
  const draft = IMPORT_FORMATS[format].read(readFileSync(join(FOLDER, file), 'utf8'), importOptions('vm'));
  const { notes, problems, workload } = finishDraft(draft, file);
  const lines = [
    ...problems.map(problem => `# problem: ${formatDiagnostic(problem)}`),
    ...notes.map(({ key, text }) => `# note: ${key}: ${text}`),
  ];
  return (workload ? formatWorkload(workload) : '') + lines.map(line => `${line}\n`).join('');
}

describe('foreign configurations and the workload files that they come to', () => {
  test.each(pairs)('$file', ({ file, format }) => {
    const path = join(FOLDER, `${file}.conf`);
    const text = imported(file, format);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text);
    expect(text, `${file}.conf differs; if the new text is right: UPDATE_GOLDEN=1`).toBe(readFileSync(path, 'utf8'));
  });
});
