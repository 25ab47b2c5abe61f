import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asPxenError } from '../../../../../src/base/error.ts';
import { type ValidateOptions, workloadValidate } from '../../../../../src/cli/commands/workload/validate.ts';
import { LEAST, SEED, SMALL } from '../../../domain/workload/config.ts';
import { screen } from '../../screen.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'validate-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(name: string, text: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

interface Given extends ValidateOptions {
  readonly json?: boolean;
  readonly input?: string;
}

/** What a user sees, without the name of the folder. */
async function validate(files: readonly string[], { json = false, input = '', ...options }: Given = {}) {
  const seen = screen({ json, server: { url: 'http://nowhere', tokenFile: undefined } });
  const status = await workloadValidate(
    seen.context,
    files,
    options,
    Readable.from([Buffer.from(input)]),
  ).catch((thrown: unknown) => {
    const { code, details, message } = asPxenError(thrown);
    return [`${code} ${message}`, ...details].join('\n').replaceAll(`${folder}/`, '');
  });
  const plain = (text: string): string => text.replaceAll(`${folder}/`, '');
  return { status, out: plain(seen.out), err: plain(seen.err) };
}

describe('mesh workload validate', () => {
  test('says that a file is well', async () => {
    expect(await validate([put('a.conf', SEED)])).toEqual({ status: 0, out: 'a.conf: ok\n', err: '' });
  });

  test('lists every problem, one a line, and how many there are', async () => {
    const file = put('a.conf', SEED.replace('4G', '4GB').replace('cpu.mode', 'cpu.moed'));
    expect(await validate([file])).toEqual({
      status: 1,
      out: '',
      err: [
        'a.conf:3: platform.memory.size: got "4GB", expected a whole number with K, M, G or T behind it such as 4G or 500M, more than 0 and at most 16T',
        'a.conf:5: platform.cpu.moed: got an unknown key, expected a known key; did you mean platform.cpu.mode?',
        'mesh: 2 problems',
        '',
      ].join('\n'),
    });
  });

  test('judges several files by themselves and together', async () => {
    const files = [put('a.conf', SEED), put('b.conf', LEAST), put('c.conf', LEAST.replace('u1', 'u2'))];
    expect(await validate(files)).toEqual({
      status: 1,
      out: 'a.conf: ok\n',
      err: [
        'b.conf:1: name: got "vm", expected one that no other workload has; it is also in c.conf',
        'c.conf:1: name: got "vm", expected one that no other workload has; it is also in b.conf',
        'mesh: 2 problems in 2 of 3 files',
        '',
      ].join('\n'),
    });
    expect(await validate(files.slice(0, 2))).toEqual({
      status: 0,
      out: 'a.conf: ok\nb.conf: ok\n2 files: ok\n',
      err: '',
    });
  });

  test('a file that is named twice is one file', async () => {
    const file = put('a.conf', SEED);
    expect(await validate([file, file])).toEqual({ status: 0, out: 'a.conf: ok\n', err: '' });
  });

  test('applies the rules of a node whose facts are given, by line with the rest', async () => {
    const facts = put('node.json', '{"nproc": 1, "interfaces": ["br0"], "otherUuids": ["qweflmqwe23"]}');
    expect(await validate([put('a.conf', SEED)], { facts })).toEqual({
      status: 1,
      out: '',
      err: [
        'a.conf:2: uuid: got "qweflmqwe23", expected one that no other workload has',
        'a.conf:4: platform.cpu.threads: got "2", expected at most 1 (processors of the node)',
        'mesh: 2 problems',
        '',
      ].join('\n'),
    });
  });

  test('KVM is needed unless it is told otherwise', async () => {
    const facts = put('node.json', '{"kvm": {"usable": false}}');
    const file = put('a.conf', `${LEAST}platform.cpu.mode=max\n`);
    expect((await validate([file], { facts })).err).toBe(
      'a.conf:5: platform.cpu.mode: got "max", expected a node where KVM works, or workload.accel: auto in pxen.yaml; here it does not\nmesh: 1 problem\n',
    );
    expect((await validate([file], { facts, accel: 'auto' })).status).toBe(0);
  });

  test('reads standard input', async () => {
    expect(await validate(['-'], { input: SEED })).toEqual({
      status: 0,
      out: 'standard input: ok\n',
      err: '',
    });
    expect((await validate(['-'], { input: 'x' })).err).toContain('standard input:1: line: got "x"');
  });

  test('no control character of a file name reaches the terminal', async () => {
    expect((await validate([put('a\u001b[2J', SEED)])).out).toBe('a?[2J: ok\n');
  });

  test('refuses a file that is too long or not in UTF-8, without reading on', async () => {
    expect((await validate(['/dev/zero'])).err).toBe(
      '/dev/zero: file: got a longer file, expected at most 65536 bytes\nmesh: 1 problem\n',
    );
    expect(
      (await validate([put('a.conf', Buffer.from(`placement.node=R\xf6ntgen\n${LEAST}`, 'latin1'))])).err,
    ).toBe('a.conf:1: line: got "placement.node=R\ufffdntgen", expected text in UTF-8\nmesh: 1 problem\n');
  });
});

describe('mesh workload validate --json', () => {
  test('of a file that is well', async () => {
    const { out, status } = await validate([put('a.conf', SEED)], { json: true });
    expect([status, JSON.parse(out)]).toEqual([
      0,
      {
        ok: true,
        problems: [],
        workload: {
          name: 'qemutest1',
          uuid: 'qweflmqwe23',
          engine: 'qemu',
          memory: { bytes: 4_294_967_296 },
          cpu: { threads: 2, mode: 'host' },
          volumes: [
            {
              id: 0,
              type: 'iso',
              path: '/tmp/alpine.iso',
              source: 'http://host0/isos/alpine-virt-3.21.3-x86_64.iso',
              writable: false,
              ephemeral: true,
            },
          ],
          nics: [{ id: 0, type: 'bridge', bridge: 'br0' }],
          console: { type: 'vnc', id: 5 },
          autostart: true,
          placement: {},
        },
      },
    ]);
  });

  test('of a file with problems', async () => {
    const { out, status } = await validate([put('a.conf', `${LEAST}runtime.autostart=yes\n`)], {
      json: true,
    });
    expect([status, JSON.parse(out)]).toEqual([
      1,
      {
        ok: false,
        problems: [
          {
            file: 'a.conf',
            line: 5,
            key: 'runtime.autostart',
            code: 'BAD_VALUE',
            got: '"yes"',
            expected: '1 or 0',
            message: 'a.conf:5: runtime.autostart: got "yes", expected 1 or 0',
          },
        ],
        workload: null,
      },
    ]);
  });

  test('of several: all problems, and a workload or null for each file', async () => {
    const files = [put('a.conf', SEED), put('b.conf', 'x'), put('c.conf', SMALL)];
    const { out, status } = await validate(files, { json: true });
    const { ok, problems, workloads } = JSON.parse(out);
    expect([status, ok, problems.length]).toEqual([1, false, 5]);
    expect(workloads.map((workload: { name: string } | null) => workload?.name)).toEqual([
      'qemutest1',
      undefined,
      'vm',
    ]);
  });

  test('what breaks a rule of the node is no workload', async () => {
    const facts = put('node.json', '{"nproc": 1}');
    const { out, status } = await validate([put('a.conf', SEED)], { json: true, facts });
    expect([status, JSON.parse(out)]).toMatchObject([
      1,
      { ok: false, problems: [{ code: 'TOO_MUCH' }], workload: null },
    ]);
  });
});

describe('what mesh workload validate cannot judge', () => {
  test('files that cannot be read, all of them', async () => {
    const files = [put('a.conf', SEED), join(folder, 'b.conf'), folder];
    expect((await validate(files)).status).toBe(
      [
        "FILE_MISSING b.conf cannot be read: ENOENT: no such file or directory, open 'b.conf'",
        `${folder} cannot be read: EISDIR: illegal operation on a directory, read`,
      ].join('\n'),
    );
  });

  test('facts that are none, with every problem', async () => {
    const file = put('a.conf', SEED);
    expect(
      (await validate([file], { facts: put('node.json', '{"nproc": "2", "interface": []}') })).status,
    ).toBe(
      [
        'USAGE --facts node.json does not have the expected form',
        'node.json: nproc: got "2", expected a whole number from 0',
        'node.json: interface: got an unknown key, expected a known key; did you mean interfaces?',
      ].join('\n'),
    );
    expect((await validate([file], { facts: put('node.json', '{') })).status).toContain(
      'node.json: file: got "{", expected JSON (',
    );
    expect((await validate([file], { facts: join(folder, 'none') })).status).toContain(
      'FILE_MISSING none cannot be read',
    );
  });
});
