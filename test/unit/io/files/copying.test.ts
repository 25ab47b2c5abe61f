import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asPxenError } from '../../../../src/base/error.ts';
import { type CopyOptions, copyWhole } from '../../../../src/io/files/copying.ts';
import { sha256 } from '../../../fixtures/web-server.ts';

const CONTENT = Buffer.alloc(5 << 20, 'a disk');
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'copying-'));
  writeFileSync(join(folder, 'source'), CONTENT, { mode: 0o400 });
});
afterEach(() => rmSync(folder, { recursive: true }));

function copy(options: Partial<CopyOptions> = {}): ReturnType<typeof copyWhole> {
  return copyWhole({
    from: join(folder, 'source'),
    to: join(folder, 'copy'),
    signal: new AbortController().signal,
    onProgress: () => {},
    ...options,
  });
}

async function failure(options: Partial<CopyOptions>): Promise<string[]> {
  const { code, message } = asPxenError(
    await copy(options).then(
      () => new Error('it did not fail'),
      thrown => thrown,
    ),
  );
  return [code, message.replaceAll(folder, 'FOLDER')];
}

describe('copyWhole', () => {
  test('copies with checksum, progress and the usual mode', async () => {
    const told: [number, number | undefined][] = [];
    const whole = await copy({ onProgress: (...far) => told.push(far), sha256: sha256(CONTENT) });
    expect(whole).toEqual({ bytes: CONTENT.length, sha256: sha256(CONTENT), validator: undefined });
    expect(readFileSync(join(folder, 'copy')).equals(CONTENT)).toBe(true);
    expect(statSync(join(folder, 'copy')).mode & 0o777).toBe(0o666 & ~process.umask());
    expect(told.at(-1)).toEqual([CONTENT.length, CONTENT.length]);
    expect(readdirSync(folder).sort()).toEqual(['copy', 'source']);
  });

  test('an empty file is a file', async () => {
    writeFileSync(join(folder, 'empty'), '');
    expect(await copy({ from: join(folder, 'empty') })).toMatchObject({ bytes: 0 });
  });

  test.each<[string, () => Partial<CopyOptions>, string, string]>([
    ['no such file', () => ({ from: '/none' }), 'FILE_MISSING', '/none: there is no such file'],
    ['a folder', () => ({ from: folder }), 'FILE_MISSING', 'FOLDER is no regular file'],
    ['a device', () => ({ from: '/dev/zero' }), 'FILE_MISSING', '/dev/zero is no regular file'],
    [
      'a FIFO, which would wait for ever',
      () => {
        execFileSync('mkfifo', [join(folder, 'fifo')]);
        return { from: join(folder, 'fifo') };
      },
      'FILE_MISSING',
      'FOLDER/fifo is no regular file',
    ],
    [
      'another checksum',
      () => ({ sha256: sha256(Buffer.from('x')) }),
      'CHECKSUM_MISMATCH',
      `FOLDER/source: its SHA-256 is ${sha256(CONTENT)}, expected ${sha256(Buffer.from('x'))}`,
    ],
    [
      'too long',
      () => ({ limits: { maxBytes: 1 << 20 } }),
      'NO_SPACE',
      'FOLDER/source: it has 5.0 MiB or more, but at most 1.0 MiB may come',
    ],
    ['stopped', () => ({ signal: AbortSignal.abort() }), 'DOWNLOAD_FAILED', 'FOLDER/source: stopped'],
    [
      'a folder in place of the target',
      () => {
        mkdirSync(join(folder, 'copy'));
        return {};
      },
      'DOWNLOAD_FAILED',
      'FOLDER/copy is a folder, expected the name of a file',
    ],
  ])('%s: nothing is left', async (_what, options, code, message) => {
    expect(await failure(options())).toEqual([code, message]);
    expect(readdirSync(folder).filter(name => name.startsWith('.'))).toEqual([]);
  });

  test('a source that is written meanwhile is no source', async () => {
    const onProgress = (received: number): void => {
      if (received < CONTENT.length) appendFileSync(join(folder, 'source'), 'more');
    };
    expect(await failure({ onProgress })).toEqual([
      'DOWNLOAD_FAILED',
      'FOLDER/source was changed while it was copied; try again',
    ]);
    expect(readdirSync(folder)).toEqual(['source']);
  });
});
