import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { asPxenError } from '../../../../src/base/error.ts';
import { openedOverlays } from '../../../../src/cli/appliance.ts';
import { nodeAdopt } from '../../../../src/cli/commands/adopt.ts';
import type { MachineId } from '../../../../src/domain/machine/genid.ts';
import { appliance, nodeOf } from '../appliance.ts';
import { screen } from '../screen.ts';

const ID = '91d5815f' as MachineId;
const NODE = nodeOf({ id: ID, trust: 'lease' });

let room: Awaited<ReturnType<typeof appliance>> | undefined;
afterEach(async () => {
  await room?.stop();
  room = undefined;
});

async function adopt(
  root: string,
  id: string,
  name: string,
  options: { groups?: string; force?: boolean; json?: boolean } = {},
) {
  const { force = false, groups = '', json = false } = options;
  const seen = screen({ root, json });
  const status = await nodeAdopt(seen.context, id, { name, groups, force }).catch((thrown: unknown) => {
    const { code, details, message } = asPxenError(thrown);
    return [`${code} ${message}`, ...details].join('\n');
  });
  return { status, out: seen.out.replace(/[\d.]+ KiB/, 'N KiB'), err: seen.err };
}

describe('mesh node adopt', () => {
  test('makes the folder, builds its overlay, and says what to do next', async () => {
    room = await appliance([NODE]);
    const { root } = room;
    expect(await adopt(root, '91D5815F', 'rack1-07', { groups: 'web' })).toEqual({
      status: 0,
      out: [
        '/host0/machines/rack1-07: made, with UUID, manifest, groups',
        'its overlay is built, N KiB, and served from now on',
        'reboot it: mesh node ctl -n 91d5815f reboot',
        '',
      ].join('\n'),
      err: '',
    });
    expect(readFileSync(join(root, 'host0/machines/rack1-07/groups'), 'utf8')).toBe('web\n');
    expect(await openedOverlays(root).own(ID)).toMatchObject({ folder: 'rack1-07', owner: ID });
  });

  test('tells programs the same', async () => {
    room = await appliance([NODE]);
    const { root } = room;
    const { out, status } = await adopt(root, ID, 'rack1-07', { json: true });
    expect([status, JSON.parse(out)]).toMatchObject([
      0,
      {
        id: ID,
        folder: '/host0/machines/rack1-07',
        files: ['UUID', 'manifest'],
        overlay: { outcome: 'built' },
      },
    ]);
  });

  test('refuses what stands against it, all at once, and makes nothing', async () => {
    room = await appliance([NODE]);
    const { root } = room;
    expect((await adopt(root, '11111111', 'n1', { groups: 'wep' })).status).toBe(
      [
        'CONFLICT 11111111 cannot be adopted as "n1": 3 problems',
        '/host0/machines/n1: --name: got "n1", expected a name that no folder has',
        '/host0/machines/n1/UUID: UUID: got "11111111", expected a machine that has no folder yet',
        'mesh node adopt: --groups: got "wep", expected a folder of /host0/groups; did you mean web?',
      ].join('\n'),
    );
    expect((await adopt(root, 'rack', 'n2')).status).toBe(
      'USAGE "rack" is no machine id, expected 8 hex digits; see: mesh node info',
    );
    expect(readdirSync(join(root, 'host0/machines'))).toEqual(['n1']);
  });

  test('a machine that was never seen needs --force', async () => {
    room = await appliance([]);
    const { root } = room;
    expect((await adopt(root, ID, 'rack1-07')).status).toBe(
      'NOT_FOUND no machine 91d5815f has been seen here\nmesh node info lists those that have; --force makes a folder for a machine that is still to come',
    );
    expect(existsSync(join(root, 'host0/machines/rack1-07'))).toBe(false);
    expect(await adopt(root, ID, 'rack1-07', { force: true })).toMatchObject({
      status: 0,
      out: expect.stringContaining('it gets it at its next boot'),
    });
  });

  test('works without pxend, and says what it cannot know', async () => {
    room = await appliance([NODE]);
    const { root } = room;
    const away = join(root, 'away');
    for (const name of ['host0', 'var']) cpSync(join(root, name), join(away, name), { recursive: true });
    expect(await adopt(away, ID, 'rack1-07')).toMatchObject({
      status: 0,
      err: 'mesh: pxend is not running, so it is not known whether 91d5815f was ever seen here\n',
    });
  });

  test('a folder whose group is broken is there, and its problems are told', async () => {
    room = await appliance([NODE]);
    const { root, write } = room;
    write('host0/groups/web/manifest', 'Q');
    expect((await adopt(root, ID, 'rack1-07', { groups: 'web' })).status).toBe(
      'MANIFEST_INVALID no overlay of rack1-07 could be built: 1 problem\n/host0/groups/web/manifest:1: action: got "Q", expected one of O, A, L, D, R',
    );
  });
});
