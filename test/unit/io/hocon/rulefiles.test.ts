import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { formatDiagnostic } from '../../../../src/base/diagnostic.ts';
import type { RulesOnDisk } from '../../../../src/domain/placement/rulefiles.ts';
import { RuleFolder } from '../../../../src/io/hocon/rulefiles.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pxen-rules-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, text: string): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

const REALM = 'disabled = no, driver = pxen, name = Lab, drives.lazy-allocation = on\n';
const problemsOf = ({ problems }: RulesOnDisk): string[] =>
  problems.map(each => formatDiagnostic(each).replaceAll(root, ''));
const idsOf = ({ rules }: RulesOnDisk): string[][] => [[...rules.profiles.keys()], [...rules.realms.keys()]];

test('no files at all are no problem, and no rules', () => {
  const read = new RuleFolder(root).read();
  expect([idsOf(read), read.problems, read.warnings, read.folders]).toEqual([
    [[], []],
    [],
    [],
    ['/host0', '/host0/realms'],
  ]);
});

test('hardware.conf and every realm file count, with what they include', () => {
  put(
    'host0/hardware.conf',
    'include "costs/simple.conf"\npxen.vm.hardware-profiles.p { cores = 1, memory = 1 GiB, cost-function = f }',
  );
  put('host0/costs/simple.conf', 'pxen.vm.cost-functions.f { vms { curve = constant, value = 1 } }');
  put('host0/realms/lab.conf', REALM);
  put('host0/realms/more.conf', `pxen.vm.realms { one { ${REALM} }, two { ${REALM} } }`);
  put('host0/realms/.hidden.conf', 'nonsense {');
  put('host0/realms/README', 'nonsense {');
  const read = new RuleFolder(root).read();
  expect([idsOf(read), problemsOf(read), read.folders]).toEqual([
    [['p'], ['lab', 'one', 'two']],
    [],
    ['/host0', '/host0/realms', '/host0/costs'],
  ]);
});

test('a realm file that another file includes under an id is not read by itself a second time', () => {
  put('host0/hardware.conf', 'ticrypt.vm.realms { lab = { include "realms/lab.conf" } }');
  put('host0/realms/lab.conf', REALM);
  expect(idsOf(new RuleFolder(root).read())).toEqual([[], ['lab']]);
});

test('all problems of all files are told, each with its file, line and path', () => {
  put(
    'host0/hardware.conf',
    '\npxen.vm.hardware-profiles.p { cores = 1, memory = 1 GiB, cost-function = g, devices = [\n{ type = gpu, addr = "1:0.0" } ] }',
  );
  put('host0/realms/a.conf', 'include "b.conf"');
  put('host0/realms/b.conf', 'include "a.conf"');
  put('host0/realms/lab.conf', REALM.replace('pxen', 'vmware'));
  expect(problemsOf(new RuleFolder(root).read())).toEqual([
    '/host0/realms/b.conf:1: include: got an include loop: /host0/realms/a.conf -> /host0/realms/b.conf -> /host0/realms/a.conf, expected files that do not include themselves',
    '/host0/realms/a.conf:1: include: got an include loop: /host0/realms/b.conf -> /host0/realms/a.conf -> /host0/realms/b.conf, expected files that do not include themselves',
    '/host0/hardware.conf:3: pxen.vm.hardware-profiles.p.devices.0.addr: got "1:0.0", expected a PCI address such as 0000:01:02.0 or 01:02.0',
    '/host0/hardware.conf:2: pxen.vm.hardware-profiles.p.cost-function: got "g", expected the id of a cost function, and there is none',
    '/host0/realms/lab.conf:1: realms.lab.driver: got "vmware", expected one of libvirt, pxen',
  ]);
});

test('files that did not change are not read again, and every change is seen', () => {
  put('host0/hardware.conf', 'include "more.conf"\npxen.vm { spread-cost = 1 }');
  const old = new Date(Date.now() - 3600_000);
  utimesSync(join(root, 'host0/hardware.conf'), old, old);
  spawnSync('sleep', ['0.15']);
  const folder = new RuleFolder(root);
  const first = folder.read();
  expect(folder.read()).toBe(first);
  put('host0/more.conf', 'pxen.vm.realms {}');
  const second = folder.read();
  expect(second).not.toBe(first);
  put('host0/realms/lab.conf', REALM);
  expect(idsOf(folder.read())).toEqual([[], ['lab']]);
  rmSync(join(root, 'host0/realms'), { recursive: true });
  expect(idsOf(folder.read())).toEqual([[], []]);
});

test('a file that cannot be read is a problem, and one that is a pipe does not stop pxend', () => {
  mkdirSync(join(root, 'host0/realms/dir.conf'), { recursive: true });
  spawnSync('mkfifo', [join(root, 'host0/hardware.conf')]);
  symlinkSync('nowhere', join(root, 'host0/realms/loose.conf'));
  expect(problemsOf(new RuleFolder(root).read())).toEqual([
    '/host0/hardware.conf: file: is missing, expected a file that can be read: /host0/hardware.conf: expected a regular file, not a pipe',
    expect.stringMatching(
      /^\/host0\/realms\/dir\.conf: file: is missing, expected a file that can be read: .*EISDIR/,
    ),
    expect.stringMatching(/^\/host0\/realms\/loose\.conf: .*: there is no such file$/),
  ]);
});

test('a link that leads nowhere is a problem, and no realm less', () => {
  put('host0/realms/lab.conf', REALM);
  symlinkSync('gone.conf', join(root, 'host0/realms/other.conf'));
  const folder = new RuleFolder(root);
  expect(problemsOf(folder.read())).toEqual([
    '/host0/realms/other.conf: file: is missing, expected a file that can be read: /host0/realms/other.conf: there is no such file',
  ]);
  put('host0/realms/gone.conf', REALM);
  expect([problemsOf(folder.read()), idsOf(folder.read())]).toEqual([[], [[], ['gone', 'lab', 'other']]]);
});
