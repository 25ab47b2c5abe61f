import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const SRC = resolve(import.meta.dirname, '../src');

/** What each folder of src/ may import (DESIGN section 3). A folder may always import itself, except that services never see each other. */
const ALLOWED: Record<string, readonly string[]> = {
  base: [],
  wire: ['base'],
  domain: ['base', 'domain'],
  'domain/boot': ['base', 'domain', 'wire'],
  api: ['base', 'domain'],
  io: ['base', 'wire', 'domain'],
  service: ['base', 'wire', 'domain', 'api'],
  server: ['base', 'wire', 'domain', 'api', 'io', 'service'],
  agent: [
    'base',
    'wire/qmp',
    'domain',
    'api',
    'io/clock',
    'io/log',
    'io/files',
    'io/exec',
    'io/sha256',
    'io/sha1',
  ],
  // The command line builds overlays without a running pxend, from the same parts.
  cli: ['base', 'wire', 'domain', 'api', 'io', 'service', 'server/overlays', 'server/site'],
};

/** These storeys also run in a browser and take time, hash and random as arguments. */
const WITHOUT_RUNTIME = ['base', 'wire', 'domain', 'api'];

interface Import {
  readonly target: string;
  readonly typeOnly: boolean;
}

function sourceFiles(): string[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .sort();
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  const statements = text.matchAll(
    /^(?:import|export)\s+(type\s)?[^;'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm,
  );
  return Array.from(statements, m => ({ target: m[2] ?? m[3] ?? m[4] ?? '', typeOnly: m[1] !== undefined }));
}

function resolved(file: string, target: string): string | undefined {
  return target.startsWith('.') ? relative(SRC, resolve(SRC, dirname(file), target)) : undefined;
}

/** `domain/boot/decide.ts` lives on the storey `domain/boot` when that has a rule of its own, else on `domain`. */
function storeyOf(file: string): string {
  const two = file.split('/').slice(0, 2).join('/');
  return two in ALLOWED ? two : (file.split('/')[0] ?? '');
}

/** A service is a file or a folder directly under service/. */
function serviceOf(file: string): string {
  return (file.split('/')[1] ?? '').replace(/\.ts$/, '');
}

function mayImport(from: string, to: string): boolean {
  const storey = storeyOf(from);
  if (storey === 'service' && to.startsWith('service/')) return serviceOf(from) === serviceOf(to);
  const own = storey.split('/')[0] ?? '';
  const allowed = [...(ALLOWED[storey] ?? []), own];
  return allowed.some(folder => to.startsWith(`${folder}/`) || to === `${folder}.ts`);
}

function cyclesIn(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      return;
    }
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) walk(next, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) walk(file, []);
  return cycles;
}

describe('the house of DESIGN section 3', () => {
  const files = sourceFiles();

  test('every file stands on a known storey', () => {
    expect(files.filter(file => !(storeyOf(file) in ALLOWED))).toEqual([]);
  });

  test('a file imports only from the storeys below its own', () => {
    const wrong = files.flatMap(file =>
      importsOf(file)
        .map(i => resolved(file, i.target))
        .filter(target => target !== undefined && !mayImport(file, target))
        .map(target => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test('base, wire, domain and api take no node built-in, clock, timer or random source', () => {
    const pure = files.filter(file => WITHOUT_RUNTIME.includes(file.split('/')[0] ?? ''));
    const builtins = pure.flatMap(file =>
      importsOf(file)
        .filter(i => i.target.startsWith('node:') && !i.typeOnly)
        .map(i => `${file} imports ${i.target}`),
    );
    const impure = pure.filter(file =>
      /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|crypto\.)/.test(
        readFileSync(join(SRC, file), 'utf8'),
      ),
    );
    expect({ builtins, impure }).toEqual({ builtins: [], impure: [] });
  });

  test('no values are imported in a circle', () => {
    const graph = new Map(
      files.map(file => [
        file,
        importsOf(file)
          .filter(i => !i.typeOnly)
          .map(i => resolved(file, i.target))
          .filter(target => target !== undefined),
      ]),
    );
    expect(cyclesIn(graph)).toEqual([]);
  });

  test('no folder or file has a name that says nothing', () => {
    expect(
      files.filter(file => /(^|\/)(utils?|helpers?|common|misc|manager|shared)(\.|\/)/.test(file)),
    ).toEqual([]);
  });
});
