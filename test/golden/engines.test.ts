import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Rendering } from '../../src/domain/vm/exchange.ts';
import { EXPORT_FORMATS, EXPORT_NAMES } from '../../src/domain/vm/formats.ts';
import { parseWorkload } from '../../src/domain/workload/parse.ts';
import { ENGINES } from '../../src/domain/workload/workload.ts';
import { exportSettings, machineOf } from '../fakes/machines.ts';

const FOLDER = join(import.meta.dirname, 'engines');

/**
 * `name.conf`, and what it comes to in every format: `name.qemu` and so on, words one a line. `name.json` has the facts
 * of a node where one is needed. A new file is new tests; UPDATE_GOLDEN=1 writes the other ones.
 */
const names = readdirSync(FOLDER)
  .filter(file => file.endsWith('.conf'))
  .map(file => file.replace(/\.conf$/, ''));

function exported(name: string, format: (typeof EXPORT_NAMES)[number]): string {
  const { engine, refuse, render } = EXPORT_FORMATS[format];
  const text = readFileSync(join(FOLDER, `${name}.conf`), 'utf8');
  const { problems, workload } = parseWorkload(text, `${name}.conf`, engine);
  if (!workload) return section('problems', problems.map(({ code, message }) => `${code} ${message}`));
  const refused = refuse?.(workload) ?? [];
  if (refused.length > 0) return section('problems', refused.map(({ expected, key }) => `${key}: expected ${expected}`));
  const facts = join(FOLDER, `${name}.json`);
  const around = existsSync(facts) ? { facts: JSON.parse(readFileSync(facts, 'utf8')) } : {};
  const rendering = render(machineOf(workload, around), exportSettings);
  return bodyOf(rendering) + section('notes', rendering.notes.map(({ key, text: words }) => `${key}: ${words}`));
}

function bodyOf(rendering: Rendering): string {
  if ('text' in rendering) return rendering.text;
  if ('argv' in rendering) return rendering.argv.map(word => `${word}\n`).join('');
  return rendering.commands.map(words => `${words.join(' ')}\n`).join('');
}

function section(title: string, lines: readonly string[]): string {
  return `# ${title}\n${lines.map(line => `${line}\n`).join('')}`;
}

describe.each(names)('%s', name => {
  test.each(EXPORT_NAMES)('as %s', format => {
    const path = join(FOLDER, `${name}.${format}`);
    const text = exported(name, format);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text);
    expect(text, `${name}.${format} differs; if the new text is right: UPDATE_GOLDEN=1`).toBe(readFileSync(path, 'utf8'));
  });
});

describe('checklist 5.7: changing only platform.engine', () => {
  const text = readFileSync(join(FOLDER, 'four-worlds.conf'), 'utf8');

  test.each(ENGINES)('to %s comes to the same as a format of that engine', engine => {
    const changed = parseWorkload(`${text}platform.engine=${engine}\n`, 'f');
    const asked = parseWorkload(text, 'f', engine);
    expect(changed.problems).toEqual(asked.problems);
    expect(changed.workload).toEqual(asked.workload);
    for (const { code, key } of changed.problems) expect([code, key]).toEqual(['NOT_SUPPORTED', expect.stringMatching(/^[a-z]/)]);
  });
});
