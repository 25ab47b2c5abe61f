import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Ipv4 } from '../../../../src/base/ipv4.ts';
import type { HostSetting } from '../../../../src/domain/placement/setting.ts';
import { Database } from '../../../../src/io/sqlite/database.ts';
import { sqliteHosts } from '../../../../src/io/sqlite/hosts.ts';
import { ALPHA, BETA } from '../../../fakes/registry.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pxen-hosts-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('what was said of hosts comes back as it was saved, the last word of each', async () => {
  const path = join(folder, 'pxen.db');
  const kvm: HostSetting = {
    id: ALPHA.id,
    name: 'kvm1',
    uri: 'qemu:///system',
    profile: 'big "one"',
    state: 'no-scheduling',
    realm: 'lab',
    group: 'rack1',
    translation: { address: '10.0.0.1' as Ipv4, basePort: 20_000 },
  };
  const node: HostSetting = { id: BETA.id, name: 'rose', state: 'disabled' };
  const database = Database.open(path);
  const store = sqliteHosts(database);
  await Promise.all([store.save({ ...kvm, state: 'enabled' }), store.save(kvm), store.save(node)]);
  await store.remove('00000000' as typeof ALPHA.id);
  database.close();
  const again = Database.open(path);
  expect(sqliteHosts(again).load()).toEqual([node, kvm]);
  await sqliteHosts(again).remove(ALPHA.id);
  expect(sqliteHosts(again).load()).toEqual([node]);
  again.close();
});
