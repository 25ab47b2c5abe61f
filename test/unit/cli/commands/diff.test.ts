import { afterEach, describe, expect, test } from 'vitest';
import { openedOverlays } from '../../../../src/cli/appliance.ts';
import { overlayDiff } from '../../../../src/cli/commands/diff.ts';
import type { MachineId } from '../../../../src/domain/machine/genid.ts';
import { appliance, nodeOf } from '../appliance.ts';
import { screen } from '../screen.ts';

let room: Awaited<ReturnType<typeof appliance>> | undefined;
afterEach(async () => {
  await room?.stop();
  room = undefined;
});

/** A node that runs what is served now; its folder may change after that. */
async function running(manifest: string) {
  room = await appliance([]);
  const { play, root, write } = room;
  write('files/motd', 'hello\n');
  write('files/other', 'HELLO\n');
  write('host0/machines/n1/manifest', manifest);
  await openedOverlays(root).build();
  const { content } = await openedOverlays(root).own('11111111' as MachineId);
  const node = nodeOf({ id: '11111111', name: 'n1', trust: 'token', overlay: { content } });
  Object.assign(play, { nodes: [node], detail: node });
  return {
    play,
    async change(text: string) {
      write('host0/machines/n1/manifest', text);
      await openedOverlays(root).build();
    },
    async diff(name: string, json = false) {
      const seen = screen({ root, json });
      return { status: await overlayDiff(seen.context, name), out: seen.out, err: seen.err };
    },
  };
}

const BEFORE = [
  'O MODE=root:root:0644 SRC=/files/motd TGT=/etc/motd',
  'O MODE=root:root:0644 SRC=/files/motd TGT=/etc/issue',
  'O MODE=root:root:0644 SRC=/files/motd TGT=/etc/gone',
  'L SRC=/usr/share/zoneinfo/UTC TGT=/etc/localtime',
  'D MODE=root:root:0755 TGT=/srv',
].join('\n');
const AFTER = [
  '# one line lower',
  'O MODE=root:root:0600 SRC=/files/motd TGT=/etc/motd',
  'O MODE=root:www:0644 SRC=/files/other TGT=/etc/issue',
  'L SRC=/usr/share/zoneinfo/EST TGT=/etc/localtime',
  'D MODE=root:root:0755 TGT=/srv',
  'L SRC=/x TGT=/etc/new',
].join('\n');

describe('mesh overlay diff', () => {
  test('of a node that runs what is served: nothing, exit status 0', async () => {
    const { change, diff } = await running(BEFORE);
    await change(`${BEFORE}\n# a comment`);
    expect(await diff('n1')).toEqual({ status: 0, out: 'n1 (11111111) runs what is served now\n', err: '' });
  });

  test('lists what is new, gone and other, each with its manifest line, exit status 1', async () => {
    const { change, diff } = await running(BEFORE);
    await change(AFTER);
    const { err, out, status } = await diff('11111111');
    expect([status, err]).toEqual([1, '']);
    expect(out.replace(/#[0-9a-f]{8}/g, '#HASH').split('\n')).toEqual([
      '   PATH                     CHANGE                                                              FROM',
      '-  /etc/gone                6 B #HASH, 0644 root:root                                       /host0/machines/n1/manifest:3',
      '~  /etc/issue               6 B #HASH -> 6 B #HASH, owner root:root -> root:www         /host0/machines/n1/manifest:3',
      '~  /etc/localtime           link to /usr/share/zoneinfo/UTC -> link to /usr/share/zoneinfo/EST  /host0/machines/n1/manifest:4',
      '~  /etc/motd                mode 0644 -> 0600                                                   /host0/machines/n1/manifest:2',
      '+  /etc/new                 link to /x                                                          /host0/machines/n1/manifest:6',
      '+  /etc/pxen/overlay-steps  31 B #HASH, 0644 root:root                                      built-in: steps at boot',
      '',
      'n1 (11111111) gets this at its next boot: mesh node ctl -n 11111111 reboot',
      '',
    ]);
  });

  test('tells programs every entry in full', async () => {
    const { change, diff } = await running(BEFORE);
    await change(`${BEFORE}\nL SRC=/x TGT=/etc/new`);
    const { out, status } = await diff('n1', true);
    expect([status, JSON.parse(out)]).toMatchObject([
      1,
      {
        node: '11111111',
        name: 'n1',
        served: { folder: 'n1' },
        changes: [{ path: '/etc/new', change: 'added', after: { type: 'link', target: '/x' } }],
      },
    ]);
  });

  test.each<[string, object, string]>([
    ['no such node', { nodes: [] }, 'mesh: no node n1; mesh node info lists all'],
    [
      'a node that has not reported',
      { detail: nodeOf({ id: '11111111', reportedAt: undefined }) },
      'mesh: 11111111 has not reported yet; what would be new to it is not known',
    ],
    [
      'an agent that does not tell',
      { detail: nodeOf({ id: '11111111' }) },
      'mesh: 11111111 does not say which overlay it runs; what would be new to it is not known',
    ],
    [
      'an overlay that nobody remembers',
      { detail: nodeOf({ id: '11111111', overlay: { content: 'ab'.repeat(32) } }) },
      'mesh: 11111111 runs overlay abababababababab, and what was in it is not kept any more\n  it is not the one that is served now; to get that: mesh node ctl -n 11111111 reboot',
    ],
  ])('%s is trouble, exit status 2', async (_what, changes, text) => {
    const { diff, play } = await running(BEFORE);
    Object.assign(play, changes);
    expect(await diff('n1')).toEqual({ status: 2, out: '', err: `${text}\n` });
    const json = await diff('n1', true);
    expect([json.status, JSON.parse(json.out).error.code]).toEqual([2, 'NOT_FOUND']);
  });
});
