import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatDiagnostic } from '../../src/base/diagnostic.ts';
import { placementText, planText } from '../../src/cli/output/placement.ts';
import { costOf } from '../../src/domain/placement/cost.ts';
import { formatCost } from '../../src/domain/placement/format.ts';
import { readSnapshot } from '../../src/domain/placement/parse-snapshot.ts';
import { place } from '../../src/domain/placement/place.ts';
import { plan } from '../../src/domain/placement/plan.ts';
import { formatWarning, type PlacementRules, readRules } from '../../src/domain/placement/rules.ts';
import { readHoconFile } from '../../src/io/hocon/file.ts';

const FOLDER = join(import.meta.dirname, 'placement');
const GiB = 2 ** 30;

/** `name.conf` with `name.rules` beside it, `name.json` with `name.placed`. A new file is a new test; UPDATE_GOLDEN=1 writes the second one. */
const namesOf = (end: string): string[] =>
  readdirSync(FOLDER)
    .filter(file => file.endsWith(end))
    .map(file => file.slice(0, -end.length));

/** What every cost function asks for, at more and more of everything. */
function describeRules(path: string): string {
  const document = readHoconFile(path, '/');
  const { rules, problems, warnings } = readRules([document]);
  const all = document.problems.length > 0 ? document.problems : problems;
  if (all.length > 0) return section('problems', all.map(formatDiagnostic));
  return [
    section('warnings', warnings.map(formatWarning)),
    section('costs of 1 to 8 VMs with 2 vCPUs and 4 GiB each, device 1 of each type', costLines(rules)),
    section('profiles', [...rules.profiles.values()].map(profile => JSON.stringify(profile))),
    section('realms', [...rules.realms.values()].map(realm => JSON.stringify(realm))),
  ].join('\n');
}

function costLines({ costFunctions }: PlacementRules): string[] {
  return [...costFunctions.values()].map(rules => {
    const devices = new Map([...rules.devices.keys()].map(type => [type, 1]));
    const costs = [1, 2, 3, 4, 5, 6, 7, 8].map(
      vms => costOf(rules, { vms, vcpus: 2 * vms, memory: 4 * GiB * vms, devices }).total,
    );
    return `${rules.id} (${rules.name}): ${costs.map(formatCost).join(' ')}`;
  });
}

function describePlacement(path: string): string {
  const document = readHoconFile(path, '/');
  const { snapshot, requests, batch, problems } = readSnapshot(document.root);
  const all = document.problems.length > 0 ? document.problems : problems;
  if (all.length > 0) return section('problems', all.map(formatDiagnostic));
  const [request] = requests;
  if (batch || !request) return `${planText(plan(snapshot, requests))}\n`;
  return `${placementText(request.name, place(snapshot, request))}\n`;
}

function section(title: string, lines: readonly string[]): string {
  return [`# ${title}`, ...lines, ''].join('\n').replaceAll(`${FOLDER}/`, '');
}

function compare(path: string, text: string): void {
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text);
  expect(text, `${path} differs; if the new text is right: UPDATE_GOLDEN=1`).toBe(readFileSync(path, 'utf8'));
}

describe('files of rules and what they come to', () => {
  test.each(namesOf('.conf').filter(name => !name.startsWith('included')))('%s', name => {
    compare(join(FOLDER, `${name}.rules`), describeRules(join(FOLDER, `${name}.conf`)));
  });
});

describe('snapshots and where their VMs go', () => {
  test.each(namesOf('.json'))('%s', name => {
    compare(join(FOLDER, `${name}.placed`), describePlacement(join(FOLDER, `${name}.json`)));
  });
});
