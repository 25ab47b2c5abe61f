import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RoomProcess } from '../../scripts/room/process.ts';
import { PROJECT } from '../../scripts/room/room.ts';

test('scripts/up brings two nodes up with nothing else typed, and cleans everything up', async () => {
  const argv = [process.execPath, '--no-warnings', join(PROJECT, 'scripts/room/up.ts'), '--once'];
  const up = new RoomProcess('up', argv, join(tmpdir(), `pxen-up-${process.pid}.log`));
  await up.saw(/both nodes are up/, 170_000);
  expect(await up.ended()).toBe(0);
  expect(up.output).toMatch(/^91d5815f {2}tulip {2}up +10\.77\.0\.\d+ .* own /m);
  expect(up.output).toMatch(/^6e6da274 {2}- +up +10\.77\.0\.\d+ .* default /m);
  const namespaces = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  expect(namespaces.filter(name => name.startsWith(`pxen-${up.pid}-`))).toEqual([]);
  expect(existsSync(join(PROJECT, '.up'))).toBe(false);
});
