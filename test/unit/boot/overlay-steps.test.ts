import { existsSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { assertGuarded, machineRoot, PACKAGE, run, SHELLS } from './shell.ts';

const SCRIPT = join(PACKAGE, 'apkovl/usr/lib/pxen/overlay-steps');
const { uid, gid } = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

const FILES = {
  'etc/passwd': `me:x:${uid}:${gid}::/:/bin/sh\n`,
  'etc/group': `mine:x:${gid}:\n`,
  'opt/my app/file 1': 'x\n',
  'opt/other/kept': 'x\n',
  'opt/other/gone': 'x\n',
  'opt/other/.hidden': 'x\n',
};

describe.each(SHELLS)('overlay-steps under %s', (...shell) => {
  assertGuarded(SCRIPT);

  function perform(steps: readonly (readonly string[])[]) {
    const text = steps.map(step => `${step.join('\t')}\n`).join('');
    const root = machineRoot({ ...FILES, 'etc/pxen/overlay-steps': text });
    return {
      root,
      again: () => run(shell, [SCRIPT], { ROOT: root }),
      ...run(shell, [SCRIPT], { ROOT: root }),
    };
  }

  test('remove takes away a whole folder, blanks in its name included', () => {
    const { root, code, err } = perform([['remove', '/opt/my app']]);
    expect([code, err]).toEqual([0, '']);
    expect(readdirSync(join(root, 'opt'))).toEqual(['other']);
  });

  test('prune leaves only the names it is given', () => {
    const { root, code } = perform([['prune', '/opt/other', 'kept']]);
    expect(code).toBe(0);
    expect(readdirSync(join(root, 'opt/other'))).toEqual(['kept']);
  });

  test('prune without names empties the folder', () => {
    const { root } = perform([['prune', '/opt/other']]);
    expect(readdirSync(join(root, 'opt/other'))).toEqual([]);
  });

  test('chown sets owner and mode', () => {
    const { root, code, err } = perform([['chown', 'me', String(gid), '4750', '/opt/my app/file 1']]);
    expect([code, err]).toEqual([0, '']);
    const { uid: owner, mode } = statSync(join(root, 'opt/my app/file 1'));
    expect([owner, mode & 0o7777]).toEqual([uid, 0o4750]);
  });

  test('a user that the node does not have is named with the path, and the other steps go on', () => {
    const { root, code, err } = perform([
      ['chown', 'slurm', 'mine', '0600', '/opt/my app/file 1'],
      ['chown', 'me', 'slurm', '0600', '/opt/my app/file 1'],
      ['remove', '/opt/other'],
    ]);
    expect(code).toBe(1);
    expect(err).toBe(
      "pxen-overlay: /opt/my app/file 1: there is no user 'slurm' on this node; it keeps its owner\n" +
        "pxen-overlay: /opt/my app/file 1: there is no group 'slurm' on this node; it keeps its owner\n",
    );
    expect(existsSync(join(root, 'opt/other'))).toBe(false);
  });

  test.each([
    ['/', 'not a path below /'],
    ['//', 'not a path below /'],
    ['', 'not a path below /'],
    ['opt', 'not an absolute path'],
    ['/opt/..', 'it has . or .. in it'],
    ['/opt/../..', 'it has . or .. in it'],
    ['/.', 'it has . or .. in it'],
  ])('remove refuses %j', (path, why) => {
    const { root, code, err } = perform([['remove', path]]);
    expect([code, err]).toEqual([1, `pxen-overlay: refusing to touch '${path}': ${why}\n`]);
    expect(readFileSync(join(root, 'opt/my app/file 1'), 'utf8')).toBe('x\n');
  });

  test('prune does not follow a link', () => {
    const root = machineRoot({ ...FILES, 'etc/pxen/overlay-steps': 'prune\t/link\n' });
    symlinkSync('opt/other', join(root, 'link'));
    expect(run(shell, [SCRIPT], { ROOT: root }).code).toBe(0);
    expect(readdirSync(join(root, 'opt/other')).sort()).toEqual(['.hidden', 'gone', 'kept']);
  });

  test('the steps are done once a boot', () => {
    const { again } = perform([['shred', '/x']]);
    expect(again()).toEqual({ code: 0, out: '', err: '' });
  });

  test('an unknown step is named', () => {
    expect(perform([['shred', '/x']]).err).toBe(
      "pxen-overlay: unknown step 'shred' in /etc/pxen/overlay-steps\n",
    );
  });

  test('no steps, no work', () => {
    expect(run(shell, [SCRIPT], { ROOT: machineRoot({}) })).toEqual({ code: 0, out: '', err: '' });
  });
});
