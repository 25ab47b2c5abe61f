import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AGENT_ENGINES, CAPABILITIES, ENGINE_LIMITS, ENGINES } from '../src/domain/vm/capabilities.ts';
import { EXPORT_FORMATS, EXPORT_NAMES, formatOf } from '../src/domain/vm/formats.ts';
import { installedEngines, LAUNCHERS, launcherOf } from '../src/domain/vm/launches.ts';

const ROOT = resolve(import.meta.dirname, '..');
const PAGE = 'docs/adding-an-engine.md';

/** Where an engine lives: microvm is QEMU with another board. */
const FOLDERS = { qemu: 'qemu', microvm: 'qemu', stratovirt: 'stratovirt', libvirt: 'libvirt' } as const;

/** Source files without their comments, and without the help texts of commands. */
const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.ts') && !file.startsWith('cli/nouns/'))
  .map(file => ({ file, code: withoutComments(readFileSync(join(ROOT, 'src', file), 'utf8')) }));

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
}

describe(`${PAGE}: an engine touches one folder and one table`, () => {
  const page = readFileSync(join(ROOT, PAGE), 'utf8');

  test('every file and folder that it names is there', () => {
    const named = [...page.matchAll(/`((?:src|test|docs)\/[^`]+)`/g)].map(match => match[1] ?? '');
    const paths = named.map(path => path.replace('<engine>', 'stratovirt'));
    expect(paths.filter(path => !existsSync(join(ROOT, path)))).toEqual([]);
    expect(named.length).toBeGreaterThan(6);
  });

  test('every name of the code that it uses is there', () => {
    const table = readFileSync(join(ROOT, 'src/domain/vm/capabilities.ts'), 'utf8');
    for (const name of ['ENGINES', 'ENGINE_LIMITS', 'CAPABILITIES', 'AGENT_ENGINES'])
      expect([name, page.includes(`\`${name}\``), table.includes(`export const ${name}`)]).toEqual([
        name,
        true,
        true,
      ]);
  });

  // QEMU is what agents start, and libvirt is a driver of realms, too.
  test.each(['stratovirt', 'microvm'] as const)(
    '%s is named in its folder and in those files alone',
    engine => {
      const folder = `domain/vm/${FOLDERS[engine]}/`;
      const naming = sources.filter(
        ({ code, file }) => new RegExp(engine, 'i').test(code) && !file.startsWith(folder),
      );
      const wanted = ['domain/vm/capabilities.ts', 'domain/vm/formats.ts', 'domain/vm/launches.ts'];
      // The StratoVirt document calls its own machine MicroVm.
      const others = naming.map(({ file }) => file).filter(file => !file.startsWith('domain/vm/stratovirt/'));
      expect(others.filter(file => !wanted.includes(file))).toEqual([]);
    },
  );

  test('what runs machines on a node names no engine', () => {
    // Of one is the list of CPU models, of another the programs of a driver.
    const own = /^agent\/(vm\/guest-channel|workload\/cpu-models|vm\/virsh(-\w+)?)\.ts$/;
    // And a driver is of the program that it drives.
    const running = sources.filter(({ file }) => /^agent\/(vm\/(?!virsh)|workload|api)/.test(file));
    const naming = running.filter(({ code }) => /qemu|stratovirt|libvirt|microvm/i.test(code));
    expect(naming.map(({ file }) => file).filter(file => !own.test(file))).toEqual([]);
    expect(running.length).toBeGreaterThan(30);
  });

  test('the folders import from no other one', () => {
    const inFolders = sources.filter(({ file }) => /^domain\/vm\/\w+\//.test(file));
    const crossing = inFolders.filter(({ code, file }) => {
      const own = file.split('/')[2] ?? '';
      const targets = [...code.matchAll(/from '\.\.\/(qemu|stratovirt|libvirt|minimega)\//g)].map(
        match => match[1],
      );
      return targets.some(target => target !== own);
    });
    expect(crossing.map(({ file }) => file)).toEqual([]);
    expect(inFolders.length).toBeGreaterThan(20);
  });
});

describe('the table', () => {
  test.each(ENGINES)('%s has its limits, a cell everywhere, and a format in which it is started', engine => {
    expect(ENGINE_LIMITS[engine].about).not.toBe('');
    for (const { engines, what } of CAPABILITIES)
      expect([what, engines[engine]]).not.toEqual([what, undefined]);
    expect(EXPORT_FORMATS[formatOf(engine)].engine).toBe(engine);
    expect(existsSync(join(ROOT, 'src/domain/vm', FOLDERS[engine], 'formats.ts'))).toBe(true);
  });

  test('agents run exactly the engines that have a launcher', () => {
    expect(Object.keys(LAUNCHERS).sort()).toEqual([...AGENT_ENGINES].sort());
    for (const engine of AGENT_ENGINES) expect(launcherOf(engine).programs).not.toEqual([]);
  });

  test('a node offers those whose programs it has', () => {
    expect(installedEngines(() => true)).toEqual(AGENT_ENGINES);
    expect(installedEngines(() => false)).toEqual([]);
    expect(installedEngines(name => name.startsWith('qemu-'))).toEqual(['qemu', 'microvm']);
  });

  test('every format keeps the limits of an engine that there is, or of none', () => {
    for (const name of EXPORT_NAMES)
      expect([name, [...ENGINES, 'any'].includes(EXPORT_FORMATS[name].engine)]).toEqual([name, true]);
  });
});
