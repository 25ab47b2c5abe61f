import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { parseManifest } from '../../../src/domain/manifest/parse.ts';
import { PACKAGE, run, SHELLS } from './shell.ts';

const BASE = join(PACKAGE, 'apkovl');
const manifest = parseManifest(readFileSync(join(BASE, 'manifest'), 'utf8'), 'apkovl/manifest');

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name));
}

const sources = manifest.actions.flatMap(action =>
  'source' in action && action.action !== 'L' ? [action.source] : [],
);

test('the base manifest has no problem', () => {
  expect(manifest.problems).toEqual([]);
});

test('every file of apkovl/ is in its manifest, and the other way round', () => {
  const present = filesOf(BASE)
    .map(file => `/${relative(PACKAGE, file)}`)
    .filter(file => file !== '/apkovl/manifest');
  expect(sources.filter(source => source !== '/dist/agent.js').sort()).toEqual(present.sort());
});

test('every service of the base is linked into the default runlevel', () => {
  const services = readdirSync(join(BASE, 'etc/init.d'));
  const linked = manifest.actions.flatMap(action =>
    action.action === 'L' ? [action.target.replace('/etc/runlevels/default/', '')] : [],
  );
  expect(linked.sort()).toEqual([...services, 'sshd'].sort());
});

test('every script can be run and no shell finds a fault in it', () => {
  const scripts = [BASE, join(PACKAGE, 'boot/initramfs'), join(PACKAGE, 'boot/image/rootfs')]
    .flatMap(filesOf)
    .filter(file => readFileSync(file, 'utf8').startsWith('#!'));
  expect(scripts.length).toBeGreaterThan(10);
  for (const script of scripts) {
    expect([script, statSync(script).mode & 0o111]).toEqual([script, 0o111]);
    for (const shell of SHELLS) expect(run(shell, ['-n', script])).toEqual({ code: 0, out: '', err: '' });
  }
});
