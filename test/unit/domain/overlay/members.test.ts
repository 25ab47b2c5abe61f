import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OverlayEntry } from '../../../../src/domain/overlay/entry.ts';
import { sameOnNode } from '../../../../src/domain/overlay/entry.ts';
import type { Layer } from '../../../../src/domain/overlay/layer.ts';
import { type Member, splitMembers } from '../../../../src/domain/overlay/members.ts';
import { planOverlay } from '../../../../src/domain/overlay/plan.ts';
import { layerOf } from '../../../fakes/layers.ts';

/** What tar does, with a fault wherever two tars might differ. */
function unpack(members: readonly Member[]): { tree: Map<string, OverlayEntry>; faults: string[] } {
  const tree = new Map<string, OverlayEntry>();
  const faults: string[] = [];
  for (const entry of members.flatMap(member => member.entries)) {
    const there = tree.get(entry.path);
    const parent = entry.path.slice(0, entry.path.lastIndexOf('/'));
    if (there && there.type !== entry.type) faults.push(`${entry.path}: ${there.type} becomes ${entry.type}`);
    if (parent !== '' && tree.get(parent)?.type !== 'directory')
      faults.push(`${entry.path}: no directory to be in`);
    tree.set(entry.path, entry);
  }
  return { tree, faults };
}

const target = fc.constantFrom(
  '/a',
  '/a/b',
  '/a/b/c',
  '/a/b/d',
  '/a/e',
  '/f',
  '/f/g',
  '/f/g/h',
  '/tmp/x',
  '/etc/apk/world',
);
const mode = fc.constantFrom('root:root:0644', '7:8:0600', 'root:root:1777', 'nginx:root:0755', '0:0:000');
const source = fc.constantFrom('/1', '/2', '/3');
const line = fc.oneof(
  fc
    .tuple(fc.constantFrom('O', 'A'), mode, source, target)
    .map(([a, m, s, t]) => `${a} MODE=${m} SRC=${s} TGT=${t}`),
  fc.tuple(source, target).map(([s, t]) => `L SRC=${s} TGT=${t}`),
  fc.tuple(mode, target).map(([m, t]) => `D MODE=${m} TGT=${t}`),
  target.map(t => `R TGT=${t}`),
);
const manifest = fc.array(line, { maxLength: 7 }).map(lines => lines.join('\n'));
const packages = fc.array(fc.constantFrom('p', 'q', 'r'), { maxLength: 2 });
const overlay = fc
  .tuple(manifest, manifest, manifest, manifest, packages)
  .map(([base, web, db, machine, list]) =>
    withoutClashes([
      layerOf('base', base, { shared: true, packages: list }),
      layerOf('web', web, { shared: true }),
      layerOf('db', db, { shared: true }),
      layerOf('machine', machine),
    ]),
  );

/** The layers without the lines that their plan complains of, so that random lines make an overlay. */
function withoutClashes(layers: readonly Layer[]): readonly Layer[] {
  const { problems } = planOverlay(layers);
  if (problems.length === 0) return layers;
  const bad = new Set(problems.map(({ file, line }) => `${file}:${line}`));
  return withoutClashes(
    layers.map(layer => ({
      ...layer,
      items: layer.items.filter(({ origin }) => !bad.has(`${origin.file}:${origin.line}`)),
      packages: layer.packages.filter(({ origin }) => !bad.has(`${origin.file}:${origin.line}`)),
    })),
  );
}

describe('members', () => {
  test('unpacked one after the other give exactly the planned tree', () => {
    let shared = 0;
    fc.assert(
      fc.property(overlay, layers => {
        const { entries } = planOverlay(layers);
        const members = splitMembers(layers, entries);
        const { tree, faults } = unpack(members);
        shared += members.length - 1;
        expect(faults).toEqual([]);
        expect([...tree.keys()].sort()).toEqual(entries.map(({ path }) => path).sort());
        expect(entries.filter(entry => !sameOnNode(entry, tree.get(entry.path) as OverlayEntry))).toEqual([]);
      }),
      { seed: 20_251_120, numRuns: 3000 },
    );
    expect(shared, 'random layers are shared now and then').toBeGreaterThan(3000);
  });

  test('are the same for equal layers', () => {
    fc.assert(
      fc.property(overlay, layers => {
        const again = structuredClone(layers) as readonly Layer[];
        expect(planOverlay(again)).toEqual(planOverlay(layers));
        expect(splitMembers(again, planOverlay(again).entries)).toEqual(
          splitMembers(layers, planOverlay(layers).entries),
        );
      }),
      { seed: 20_251_121, numRuns: 500 },
    );
  });

  const split = (layers: readonly Layer[]) =>
    splitMembers(layers, planOverlay(layers).entries).map(({ name, entries, last }) => ({
      name,
      paths: entries.map(({ path }) => path),
      last,
    }));
  const O = (source: string, path: string) => `O MODE=root:root:0644 SRC=${source} TGT=${path}\n`;

  test('of a shared layer are the same whether or not a machine overrides a file of it', () => {
    const base = layerOf('base', O('/1', '/a/b') + O('/1', '/a/c'), { shared: true });
    expect(split([base, layerOf('machine', O('/2', '/a/b'))])).toEqual([
      { name: 'base', paths: ['/a', '/a/b', '/a/c'], last: false },
      { name: 'machine', paths: ['/a/b'], last: true },
    ]);
  });

  test('leave out what a later layer removes or makes another type', () => {
    const base = layerOf('base', O('/1', '/a/b') + O('/1', '/a/c') + O('/1', '/a/d'), { shared: true });
    expect(split([base, layerOf('machine', 'R TGT=/a/b\nL SRC=/x TGT=/a/c')])).toEqual([
      { name: 'base', paths: ['/a', '/a/d'], last: false },
      { name: 'machine', paths: ['/a/c', '/etc', '/etc/pxen', '/etc/pxen/overlay-steps'], last: true },
    ]);
  });

  test('end with a last one, even when it is empty', () => {
    expect(split([layerOf('base', O('/1', '/a'), { shared: true }), layerOf('machine', '')])).toEqual([
      { name: 'base', paths: ['/a'], last: false },
      { name: 'machine', paths: [], last: true },
    ]);
  });
});
