import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Images } from '../../../../src/agent/volume/images.ts';
import { asPxenError } from '../../../../src/base/error.ts';
import type { Exec, Execution } from '../../../../src/io/exec.ts';
import { convertedPath } from '../../../../src/io/files/part.ts';
import { fastClock } from '../../../fakes/fast-clock.ts';

let folder = '';
let asked: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'images-'));
  asked = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const WELL: Execution = {
  command: 'qemu-img',
  exitCode: 0,
  signal: undefined,
  stdout: '',
  stderr: '',
  timedOut: false,
  failure: undefined,
};

/** A qemu-img: what it does with the file that it writes. */
type Play = (
  file: string,
  signal: AbortSignal | undefined,
) => Promise<Partial<Execution>> | Partial<Execution>;

function images(play: Play): Images {
  const exec: Exec = async (_program, args, { signal }) => {
    asked.push(args.join(' ').replaceAll(folder, ''));
    const file = args.findLast(arg => arg.startsWith('/')) ?? '';
    return { ...WELL, ...(await play(file, signal)) };
  };
  return new Images({ exec, clock: fastClock(100) });
}

const writes: Play = file => {
  writeFileSync(file, 'a disk');
  return {};
};
const fails =
  (stderr: string): Play =>
  file => {
    writeFileSync(file, 'half a');
    return { exitCode: 1, stderr };
  };

const signal = new AbortController().signal;
const at = (name: string): string => join(folder, name);

function make(play: Play, more: object = {}): Promise<void> {
  const disk = { to: at('disk'), format: 'raw', bytes: 4096, lazy: true, limits: {}, signal } as const;
  return images(play).create({ ...disk, ...more });
}

const told: (number | undefined)[][] = [];

function convert(play: Play, more: object = {}): Promise<void> {
  writeFileSync(at('part'), 'an image');
  told.length = 0;
  const files = { from: at('part'), to: at('disk'), draft: convertedPath(at('disk')) };
  const onProgress = (...of: (number | undefined)[]): void => void told.push(of);
  const how = { format: 'qcow2', what: 'http://host0/x', limits: {}, signal, onProgress } as const;
  return images(play).convert({ ...files, ...how, ...more });
}

async function failure(work: Promise<void>): Promise<string> {
  const error = asPxenError(
    await work.then(
      () => new Error('it went well'),
      thrown => thrown,
    ),
  );
  return `${error.code}: ${error.message}`.replaceAll(folder, '');
}

/** Hidden files, too. */
const left = (): string[] => readdirSync(folder).sort();

describe('a disk is made', () => {
  test('in a hidden file that then gets its name', async () => {
    await make(writes);
    expect([asked, left(), readFileSync(at('disk'), 'utf8')]).toEqual([
      ['create -q -f raw /.disk.pxen-part 4096'],
      ['disk'],
      'a disk',
    ]);
  });

  test('with all its room where that is wanted', async () => {
    await make(writes, { lazy: false, format: 'qcow2' });
    expect(asked).toEqual(['create -q -f qcow2 -o preallocation=falloc /.disk.pxen-part 4096']);
  });

  test.each([
    [
      'that may not be so long',
      { lazy: false, limits: { maxBytes: 4095 } },
      'NO_SPACE: /disk: it has 4.0 KiB or more',
    ],
    ['for which the file system has no room', { lazy: false, bytes: 2 ** 60 }, 'NO_SPACE: /disk: no space: '],
  ])('not one %s', async (_what, more, expected) => {
    expect(await failure(make(writes, more))).toContain(expected);
    expect([asked, left()]).toEqual([[], []]);
  });

  test.each([
    ['qemu-img: /x: Could not resize file: No space left on device', 'NO_SPACE'],
    ['qemu-img: /x: Unknown file format', 'WORKLOAD_FAILED'],
  ])('or it says why not, and nothing is left: %s', async (words, code) => {
    expect(await failure(make(fails(words)))).toBe(`${code}: qemu-img create ended with status 1: ${words}`);
    expect(left()).toEqual([]);
  });

  test('not when nobody wants it any more', async () => {
    expect(await failure(make(writes, { signal: AbortSignal.abort() }))).toBe(
      'DOWNLOAD_FAILED: qemu-img: stopped',
    );
    expect(left()).toEqual([]);
  });
});

describe('an image becomes a raw disk', () => {
  test('in a hidden file that then gets its name; the image stays', async () => {
    await convert(writes);
    expect([asked, left(), readFileSync(at('disk'), 'utf8'), readFileSync(at('part'), 'utf8')]).toEqual([
      ['convert -q -f qcow2 -O raw /part /.disk.pxen-part.raw'],
      ['disk', 'part'],
      'a disk',
      'an image',
    ]);
    expect(told.at(-1)).toEqual([expect.any(Number), undefined]);
  });

  test('and while it grows that is told, until it takes more than there is for it', async () => {
    const endless: Play = async (file, called) => {
      while (!called?.aborted) {
        appendFileSync(file, Buffer.alloc(4096, 1));
        await new Promise(resolve => setTimeout(resolve, 1));
      }
      return { exitCode: 137 };
    };
    const limits = { maxBytes: 64 * 1024, maxReason: 'the memory of the node is full' };
    expect(await failure(convert(endless, { limits }))).toMatch(
      /^NO_SPACE: http:\/\/host0\/x: it has .* KiB or more, but at most 64.0 KiB may come: the memory of the node is full$/,
    );
    expect([left(), readFileSync(at('part'), 'utf8'), told.length > 0]).toEqual([['part'], 'an image', true]);
  });

  test('or stays what it was', async () => {
    expect(await failure(convert(fails('qemu-img: error while reading')))).toBe(
      'WORKLOAD_FAILED: qemu-img convert ended with status 1: qemu-img: error while reading',
    );
    expect([left(), readFileSync(at('part'), 'utf8')]).toEqual([['part'], 'an image']);
  });
});
