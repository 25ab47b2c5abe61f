import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isRefusal, type ServedFile } from '../../../../src/base/served.ts';
import { MountedFiles } from '../../../../src/io/files/served.ts';

let folder = '';
let files: MountedFiles;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'served-'));
  for (const name of ['tftp/sub', 'http/boot', 'tftp-secret', 'tftp/boot'])
    mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'tftp/undionly.kpxe'), 'loader');
  writeFileSync(join(folder, 'tftp/do..ts'), 'dots');
  writeFileSync(join(folder, 'tftp/.hidden'), 'on its way');
  mkdirSync(join(folder, 'tftp/.git'));
  writeFileSync(join(folder, 'tftp/.git/config'), 'secret');
  writeFileSync(join(folder, 'tftp/Grüße'), 'utf-8');
  writeFileSync(join(folder, 'tftp/constructor'), 'an odd name');
  writeFileSync(join(folder, 'tftp/boot/old'), 'from the tftp folder');
  writeFileSync(join(folder, 'tftp/boot/vmlinuz'), 'hidden by the mount');
  writeFileSync(join(folder, 'tftp-secret/key'), 'secret');
  writeFileSync(join(folder, 'http/boot/vmlinuz'), 'kernel');
  symlinkSync('/etc/passwd', join(folder, 'tftp/evil'));
  symlinkSync('../tftp-secret', join(folder, 'tftp/sibling'));
  symlinkSync('undionly.kpxe', join(folder, 'tftp/pxe.0'));
  symlinkSync('loop', join(folder, 'tftp/loop'));
  symlinkSync('/dev/zero', join(folder, 'tftp/zero'));
  execFileSync('mkfifo', [join(folder, 'tftp/fifo')]);
  files = new MountedFiles([
    { prefix: '', root: join(folder, 'tftp') },
    { prefix: 'boot/', root: join(folder, 'http/boot') },
  ]);
});

afterAll(() => rmSync(folder, { recursive: true }));

async function opened(name: string): Promise<ServedFile> {
  const file = await files.open(name);
  if (isRefusal(file)) throw new Error(file.text);
  return file;
}

async function textOf(name: string): Promise<string> {
  const file = await opened(name);
  const bytes = new Uint8Array(file.size);
  expect(await file.readInto(bytes, 0)).toBe(file.size);
  await file.close();
  return new TextDecoder().decode(bytes);
}

describe('MountedFiles', () => {
  test.each([
    ['undionly.kpxe', 'loader'],
    ['/undionly.kpxe', 'loader'],
    ['//undionly.kpxe', 'loader'],
    ['pxe.0', 'loader'],
    ['do..ts', 'dots'],
    ['Grüße', 'utf-8'],
    ['constructor', 'an odd name'],
    ['boot/vmlinuz', 'kernel'],
    ['boot/old', 'from the tftp folder'],
  ])('serves %j', async (name, text) => expect(await textOf(name)).toBe(text));

  test.each([
    ['../tftp-secret/key', 'forbidden', '"../tftp-secret/key": this name is not allowed'],
    ['sub/../../tftp-secret/key', 'forbidden', '"sub/../../tftp-secret/key": this name is not allowed'],
    ['..\\secret', 'forbidden', '"..\\\\secret": this name is not allowed'],
    ['undionly.kpxe\0.txt', 'forbidden', '"undionly.kpxe\\u0000.txt": this name is not allowed'],
    ['', 'forbidden', '"": this name is not allowed'],
    ['./undionly.kpxe', 'forbidden', '"./undionly.kpxe": this name is not allowed'],
    ['sub//x', 'forbidden', '"sub//x": this name is not allowed'],
    ['.hidden', 'forbidden', '".hidden": hidden files are not served'],
    ['..hidden', 'forbidden', '"..hidden": hidden files are not served'],
    ['.git/config', 'forbidden', '".git/config": hidden files are not served'],
    ['evil', 'forbidden', '"evil": it leads out of the served folder'],
    ['sibling/key', 'forbidden', '"sibling/key": it leads out of the served folder'],
    ['zero', 'forbidden', '"zero": it leads out of the served folder'],
    ['fifo', 'forbidden', '"fifo": it is not a regular file'],
    ['sub', 'forbidden', '"sub": it is not a regular file'],
    ['loop', 'forbidden', '"loop": the system refuses to open it (ELOOP)'],
    ['/etc/passwd', 'missing', '"/etc/passwd": no such file'],
    ['undionly.kpxe/x', 'missing', '"undionly.kpxe/x": no such file'],
    ['boot/none', 'missing', '"boot/none": no such file'],
    ['y'.repeat(300), 'missing', `"${'y'.repeat(77)}...": no such file`],
  ])('refuses %j as %s', async (name, reason, text) => {
    expect(await files.open(name)).toEqual({ reason, text });
  });

  test('many requests for a FIFO do not keep other files from being served', async () => {
    await Promise.all(Array.from({ length: 16 }, () => files.open('fifo')));
    expect(await textOf('undionly.kpxe')).toBe('loader');
  });

  test('a folder that does not exist has no files', async () => {
    const nowhere = new MountedFiles([{ prefix: '', root: join(folder, 'none') }]);
    expect(await nowhere.open('x')).toEqual({ reason: 'missing', text: '"x": no such file' });
  });

  test('reads at an offset, and less than asked only at the end', async () => {
    const file = await opened('undionly.kpxe');
    const bytes = new Uint8Array(4);
    expect(await file.readInto(bytes, 1)).toBe(4);
    expect(new TextDecoder().decode(bytes)).toBe('oade');
    expect(await file.readInto(bytes, 4)).toBe(2);
    expect(await file.readInto(bytes, 6)).toBe(0);
    await file.close();
    await file.close();
  });

  test('the version changes with the content', async () => {
    const path = join(folder, 'tftp/changing');
    writeFileSync(path, 'one');
    const before = await opened('changing');
    truncateSync(path, 1);
    const after = await opened('changing');
    expect([before.size, after.size]).toEqual([3, 1]);
    expect(after.version).not.toBe(before.version);
    await Promise.all([before.close(), after.close()]);
  });
});
