import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatDiagnostic } from '../../src/base/diagnostic.ts';
import { formatOrigin } from '../../src/domain/manifest/action.ts';
import { parseManifest } from '../../src/domain/manifest/parse.ts';
import type { OverlayEntry } from '../../src/domain/overlay/entry.ts';
import { planOverlay } from '../../src/domain/overlay/plan.ts';
import { formatSteps, octal } from '../../src/domain/overlay/steps.ts';
import { layerOf } from '../fakes/layers.ts';

const FOLDER = join(import.meta.dirname, 'manifest');

/** `name.manifest` with `name.entries` beside it. A new manifest is a new test; UPDATE_GOLDEN=1 writes the second file. */
const names = readdirSync(FOLDER)
  .filter(file => file.endsWith('.manifest'))
  .map(file => file.replace(/\.manifest$/, ''));

function describeManifest(text: string): string {
  const parsed = parseManifest(text, 'manifest');
  if (parsed.problems.length > 0) return lines('problems', parsed.problems.map(formatDiagnostic));
  const plan = planOverlay([layerOf('manifest', text)]);
  if (plan.problems.length > 0) return lines('problems', plan.problems.map(formatDiagnostic));
  return lines('entries', plan.entries.map(show)) + lines('steps', formatSteps(plan.steps).trimEnd().split('\n'));
}

function lines(title: string, list: readonly string[]): string {
  return `# ${title}\n${list.filter(line => line !== '').map(line => `${line}\n`).join('')}`;
}

function show(entry: OverlayEntry): string {
  const { mode, path, type, origin } = entry;
  const body = type === 'file' ? ` ${entry.content.length} bytes` : type === 'link' ? ` -> ${entry.target}` : '';
  return `${type} ${octal(mode.permissions)} ${mode.user}:${mode.group} ${path}${body} (${formatOrigin(origin)})`;
}

describe('manifests and what they come to', () => {
  test.each(names)('%s', name => {
    const text = readFileSync(join(FOLDER, `${name}.manifest`), 'utf8');
    const path = join(FOLDER, `${name}.entries`);
    const entries = describeManifest(text);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, entries);
    expect(entries, `${name}.entries differs; if the new text is right: UPDATE_GOLDEN=1`).toBe(readFileSync(path, 'utf8'));
  });
});
