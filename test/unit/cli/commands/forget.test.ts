import { afterEach, expect, test } from 'vitest';
import { PxenError } from '../../../../src/base/error.ts';
import { nodeForget } from '../../../../src/cli/commands/forget.ts';
import { type FakePxend, fakePxend, type Play } from '../pxend.ts';
import { screen } from '../screen.ts';

const TULIP = {
  id: '91d5815f',
  name: 'tulip',
  state: 'silent',
  macs: ['52:54:00:12:34:56'],
  firstSeenAt: 0,
  lastSeenAt: 0,
};

let pxend: FakePxend | undefined;
afterEach(() => pxend?.stop());

async function forgets(name: string, play: Play, json = false): Promise<string> {
  pxend = await fakePxend({ nodes: [TULIP], ...play });
  const shown = screen({ root: pxend.root, json });
  expect(await nodeForget(shown.context, name)).toBe(0);
  return shown.out;
}

test.each(['91d5815f', 'tulip', '52:54:00:12:34:56'])('forgets the node that %s means', async name => {
  expect(await forgets(name, { detail: { forgotten: '91d5815f' } })).toBe('91d5815f: forgotten\n');
});

test('--json tells which one', async () => {
  const out = await forgets('tulip', { detail: { forgotten: '91d5815f' } }, true);
  expect(JSON.parse(out)).toEqual({ forgotten: '91d5815f' });
});

test.each([
  ['tulp', {}, 'no node tulp; did you mean tulip?'],
  ['tulip', { refuse: new PxenError('CONFLICT', '91d5815f is up') }, '91d5815f is up'],
])('says why %s is not forgotten', async (name, play, message) => {
  await expect(forgets(name, play)).rejects.toThrow(message);
});
