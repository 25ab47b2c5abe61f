import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatDiagnostic } from '../../../../src/base/diagnostic.ts';
import { readHoconFile } from '../../../../src/io/hocon/file.ts';
import { plain } from '../../domain/hocon/documents.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hocon-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}

function problems(path: string): string[] {
  return readHoconFile(path, folder).problems.map(problem =>
    formatDiagnostic(problem).replaceAll(folder, ''),
  );
}

describe('a HOCON file', () => {
  test('includes files beside itself, and beside the included ones', () => {
    write('sub/b.conf', 'include "c.conf"\ninclude "../d.conf"');
    write('sub/c.conf', 'c = 1');
    write('d.conf', 'd = 1');
    const { root, problems: none } = readHoconFile(write('a.conf', 'include "sub/b.conf"'), folder);
    expect([plain(root), none]).toEqual([{ c: 1, d: 1 }, []]);
    expect(root.fields.get('c')?.origin).toEqual({ file: join(folder, 'sub/c.conf'), line: 1 });
  });

  test('includes absolute paths under the root', () => {
    write('host0/x.conf', 'x = 1');
    const { root } = readHoconFile(write('a.conf', 'include "/host0/x.conf"'), folder);
    expect(plain(root)).toEqual({ x: 1 });
  });

  test('may include what does not exist, unless it is required', () => {
    expect(problems(write('a.conf', 'include "none.conf"'))).toEqual([]);
    expect(problems(write('b.conf', 'a = 1\ninclude required("none.conf")'))).toEqual([
      '/b.conf:2: include: got include "none.conf", expected a file that exists',
    ]);
  });

  test('names the files of a loop, also of one over another name', () => {
    write('b.conf', '\ninclude "./a.conf"');
    expect(problems(write('a.conf', 'include "b.conf"'))).toEqual([
      '/b.conf:2: include: got an include loop: /a.conf -> /b.conf -> /a.conf, expected files that do not include themselves',
    ]);
    symlinkSync('l.conf', join(folder, 'm.conf'));
    expect(problems(write('l.conf', 'include "m.conf"'))).toEqual([
      '/m.conf:1: include: got an include loop: /m.conf -> /m.conf, expected files that do not include themselves',
    ]);
  });

  test('is no folder, no address and no heap of bytes', () => {
    mkdirSync(join(folder, 'folder'));
    write('latin', Uint8Array.of(0x61, 0x3d, 0xe4));
    truncateSync(write('big', ''), 2 ** 30);
    const text = 'include "folder"\ninclude "latin"\ninclude "big"\ninclude "http://x/y.conf"';
    expect(problems(write('a.conf', text))).toEqual([
      expect.stringMatching(
        /^\/a.conf:1: include: got include "folder", expected a file that can be read: EISDIR/,
      ),
      expect.stringMatching(
        /^\/a.conf:2: include: got include "latin", expected a file that can be read: .*utf-8/,
      ),
      '/a.conf:3: include: got include "big", expected a file of at most 8.0 MiB',
      '/a.conf:4: include: got include "http://x/y.conf", expected a file: nothing is fetched',
    ]);
  });

  test('that is not there is an error of its own', () => {
    expect(() => readHoconFile(join(folder, 'x'), folder)).toThrow(
      expect.objectContaining({ code: 'FILE_MISSING', message: `${folder}/x: there is no such file` }),
    );
    expect(() => readHoconFile(folder, folder)).toThrow(
      expect.objectContaining({ code: 'FILE_MISSING', message: expect.stringContaining('EISDIR') }),
    );
  });
});
