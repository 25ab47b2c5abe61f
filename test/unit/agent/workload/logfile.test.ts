import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LogFile } from '../../../../src/agent/workload/logfile.ts';

let folder: string;
let path: string;
let log: LogFile;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pxen-log-'));
  path = join(folder, 'serial.log');
  log = new LogFile(path);
});
afterEach(() => rmSync(folder, { recursive: true }));

const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `line ${String(from + i).padStart(9, '0')}\n`).join('');

describe('a log that QEMU appends to', () => {
  test.each([
    ['a\nb\nc\n', 2, 'b\nc\n'],
    ['a\nb\nc', 2, 'b\nc'],
    ['a\nb\nc\n', 3, 'a\nb\nc\n'],
    ['a\nb\nc\n', 9, 'a\nb\nc\n'],
    ['a\nb\nc\n', 0, ''],
    ['\nx', 1, 'x'],
    ['\nx', 2, '\nx'],
    ['\n\n', 1, '\n'],
    ['', 5, ''],
  ])('%j: the last %i lines are %j', (content, count, expected) => {
    writeFileSync(path, content);
    expect(log.tail(count).text.toString()).toBe(expected);
  });

  test('that is not there is empty', () => {
    expect([log.tail(5), log.since(0, 10)]).toEqual([{ end: 0, text: Buffer.alloc(0) }, undefined]);
    log.shorten();
  });

  test('becomes no longer than a MiB, and whoever reads on misses nothing', () => {
    writeFileSync(path, lines(0, 70_000));
    const { end } = log.tail(0);
    appendFileSync(path, lines(70_000, 80_000));
    log.shorten();
    expect(statSync(path).size).toBe(512 * 1024);
    appendFileSync(path, lines(80_000, 80_002));
    let read = '';
    for (let place = end; ; ) {
      const more = log.since(place, 1000);
      if (!more?.text.length) break;
      read += more.text.toString();
      place = more.end;
    }
    expect(read).toBe(lines(70_000, 80_002));
    expect(readFileSync(path, 'utf8').endsWith(lines(79_990, 80_002))).toBe(true);
    const before = statSync(path).size;
    log.shorten();
    expect(statSync(path).size).toBe(before);
  });

  test('is read from its beginning when a new start made it anew', () => {
    writeFileSync(path, 'old and long\n');
    const { end } = log.tail(1);
    writeFileSync(path, 'new\n');
    expect(log.since(end, 100)?.text.toString()).toBe('new\n');
  });
});
