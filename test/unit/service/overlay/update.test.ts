import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MachineId } from '../../../../src/domain/machine/genid.ts';
import { UNSETTLED } from '../../../../src/domain/overlay/source.ts';
import { OverlayService } from '../../../../src/service/overlay/overlay.ts';
import { MemoryFiles, MemoryOverlays, TextPacker } from '../../../fakes/overlays.ts';

const N1 = '11111111' as MachineId;
const FILES = {
  '/files/motd': 'hello\n',
  '/files/conf': 'conf\n',
  '/host0/groups/web/manifest': 'O MODE=root:root:0644 SRC=/files/conf TGT=/etc/web.conf\n',
  '/host0/groups/db/manifest': '',
  '/host0/machines/n1/UUID': '11111111\n',
  '/host0/machines/n1/manifest': 'O MODE=root:root:0644 SRC=/files/motd TGT=/etc/motd\n',
  '/host0/machines/n1/groups': 'web\n',
  '/host0/machines/n2/UUID': '22222222\n',
  '/host0/machines/n2/manifest': '',
  '/host0/machines/n2/groups': 'web\n',
  '/host0/machines/n3/UUID': '33333333\n',
  '/host0/machines/n3/manifest': '',
};

function appliance(
  files: Record<string, string> = FILES,
  options: { running?: () => ReadonlySet<string>; store?: MemoryOverlays } = {},
) {
  const host0 = new MemoryFiles({ ...files });
  const base = new MemoryFiles({ '/apkovl/manifest': '' });
  const store = options.store ?? new MemoryOverlays();
  const site = { httpBase: 'http://10.0.0.1', address: '10.0.0.1', publicKey: 'key', interval: 10 };
  const service = new OverlayService({
    files: host0,
    base,
    packer: new TextPacker(),
    store,
    secrets: {
      credentials: async id => ({ hostKeyPrivate: `k${id}`, hostKeyPublic: `p${id}`, token: `t${id}` }),
    },
    site: async () => site,
    running: options.running,
  });
  return { service, host0, base, store, site };
}

const worked = ({ worked: reports }: { worked: readonly { folder: string; outcome: string }[] }) =>
  reports.map(({ folder, outcome }) => `${folder}: ${outcome}`);

/** Builds all, makes a change, and updates. */
async function afterChange(change: (files: Record<string, string>) => void) {
  const parts = appliance();
  await parts.service.build();
  parts.host0.reads.length = 0;
  change(parts.host0.files);
  const report = await parts.service.update();
  return { ...parts, report, reads: [...parts.host0.reads] };
}

describe('update', () => {
  test('reads nothing and commits nothing when nothing has changed', async () => {
    const { reads, report, store } = await afterChange(() => {});
    expect({ reads, worked: report.worked, commits: store.commits }).toEqual({
      reads: [],
      worked: [],
      commits: 1,
    });
    expect(report.folders.map(({ folder, outcome, served }) => [folder, outcome, served])).toEqual([
      ['n1', 'unchanged', true],
      ['n2', 'unchanged', true],
      ['n3', 'unchanged', true],
    ]);
  });

  test.each<[string, (files: Record<string, string>) => void, string[]]>([
    ['a SRC file', files => (files['/files/motd'] = 'new\n'), ['n1: built']],
    [
      'a manifest',
      files => (files['/host0/machines/n3/manifest'] = 'D MODE=root:root:0755 TGT=/x'),
      ['n3: built'],
    ],
    [
      'a packages file that was not there',
      files => (files['/host0/machines/n3/packages'] = 'htop'),
      ['n3: built'],
    ],
    ['a comment', files => (files['/host0/machines/n3/manifest'] = '# new'), ['n3: unchanged']],
    ['a file of a group', files => (files['/files/conf'] = 'new\n'), ['n1: built', 'n2: built']],
    ['a group that nobody is in', files => (files['/host0/groups/db/manifest'] = 'Q'), []],
    ['a SKIP file', files => (files['/host0/machines/n1/SKIP'] = ''), ['n1: skipped']],
    ['a bad line', files => (files['/host0/machines/n1/manifest'] = 'Q'), ['n1: refused']],
    ['a SRC that is gone', files => delete files['/files/motd'], ['n1: refused']],
    ['the id of a machine', files => (files['/host0/machines/n3/UUID'] = '44444444'), ['n3: built']],
    [
      'an id that another machine has',
      files => (files['/host0/machines/n3/UUID'] = '11111111'),
      ['n1: refused', 'n3: refused'],
    ],
    [
      'a group that appears: every list of groups is judged anew',
      files => (files['/host0/groups/new/manifest'] = ''),
      ['n1: unchanged', 'n2: unchanged', 'n3: unchanged'],
    ],
  ])('after a change of %s builds no more than that', async (_what, change, expected) => {
    expect(worked((await afterChange(change)).report)).toEqual(expected);
  });

  test('after a change in one folder does not read the files of another', async () => {
    const { reads } = await afterChange(files => (files['/host0/machines/n3/manifest'] = '# new'));
    expect(reads.filter(path => !path.includes('/n3/'))).toEqual([]);
  });

  test('of a group whose problems changed says so though no machine is in it', async () => {
    const { report } = await afterChange(files => (files['/host0/groups/db/manifest'] = 'Q'));
    expect(report.problems.map(problem => problem.file)).toEqual(['/host0/groups/db/manifest']);
  });

  test('looks only where it is told to', async () => {
    const { host0, service } = appliance();
    await service.build();
    host0.files['/files/motd'] = 'new\n';
    host0.files['/host0/machines/n3/manifest'] = 'D MODE=root:root:0755 TGT=/x';
    const suspicion = (path: string) => path.startsWith('/host0/machines/n3/');
    expect(worked(await service.update({ suspicion }))).toEqual(['n3: built']);
    expect(worked(await service.update())).toEqual(['n1: built']);
  });

  test('builds a folder again when its overlay was taken out of the store', async () => {
    const { host0, service, store } = appliance();
    await service.build();
    store.index = store.index.filter(({ folder }) => folder !== 'n2');
    host0.files['/host0/machines/n3/manifest'] = '# new';
    await service.update();
    expect(store.index.map(({ folder }) => folder)).toEqual([undefined, 'n1', 'n2', 'n3']);
  });

  test('builds everything when host0 has another address', async () => {
    const { service, site } = appliance();
    await service.build();
    site.address = '10.0.0.2';
    expect(worked(await service.update())).toEqual(['n1: built', 'n2: built', 'n3: built']);
  });

  test('that is broken off changes nothing, and the next one does the work', async () => {
    const { host0, service, store } = appliance();
    await service.build();
    host0.files['/files/conf'] = 'new\n';
    const signal = AbortSignal.abort(new Error('stopping'));
    await expect(service.update({ signal })).rejects.toThrow('stopping');
    expect(store.commits).toBe(1);
    expect(worked(await service.update())).toEqual(['n1: built', 'n2: built']);
  });

  test('looks again at a file that was read while it was fresh', async () => {
    const { host0, service } = appliance();
    const settled = host0.stamp.bind(host0);
    host0.stamp = async path => (path === '/files/motd' ? UNSETTLED : settled(path));
    await service.build();
    expect(service.dependencies().unsettled).toBe(true);
    host0.stamp = settled;
    expect(worked(await service.update({ suspicion: () => false }))).toEqual(['n1: unchanged']);
    expect(service.dependencies().unsettled).toBe(false);
  });

  test('comes to what a build of everything comes to, whatever happens in between', async () => {
    const path = fc.constantFrom(
      ...Object.keys(FILES),
      '/host0/machines/n4/UUID',
      '/host0/machines/n4/manifest',
      '/host0/machines/n1/SKIP',
      '/host0/groups/x/manifest',
    );
    const text = fc.constantFrom(
      undefined,
      '',
      'Q',
      '11111111',
      '44444444',
      'default',
      'web\n',
      'web\ndb\n',
      'O MODE=root:root:0644 SRC=/files/conf TGT=/etc/motd',
      'A MODE=root:root:0644 SRC=/files/motd TGT=/etc/web.conf',
      'R TGT=/etc/web.conf',
    );
    const edits = fc.array(fc.array(fc.tuple(path, text), { minLength: 1, maxLength: 4 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(edits, async rounds => {
        const live = appliance();
        const again = appliance();
        await live.service.build();
        await again.service.build();
        for (const round of rounds) {
          for (const [where, now] of round)
            for (const { files } of [live.host0, again.host0])
              if (now === undefined) delete files[where];
              else files[where] = now;
          const [updated, built] = [await live.service.update(), await again.service.build()];
          expect(live.store.index).toEqual(again.store.index);
          expect(updated.problems).toEqual(built.problems);
          expect(updated.folders.map(({ folder, served }) => [folder, served])).toEqual(
            built.folders.map(({ folder, served }) => [folder, served]),
          );
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('diff', () => {
  test('of what the node runs and what is served for it now', async () => {
    const { host0, service } = appliance();
    await service.build();
    const running = (await service.own(N1)).content;
    expect((await service.diff(N1, running)).changes).toEqual([]);
    host0.files['/files/motd'] = 'other\n';
    host0.files['/host0/machines/n1/manifest'] += 'L SRC=/x TGT=/y\n';
    await service.update();
    const { changes } = await service.diff(N1, running);
    expect(changes.map(({ path, change }) => `${change} ${path}`)).toEqual(['changed /etc/motd', 'added /y']);
  });

  test('of a machine that runs the default overlay and has a folder now', async () => {
    const { host0, service } = appliance({});
    await service.build();
    const running = (await service.everybodys()).content;
    host0.files['/host0/machines/n1/UUID'] = '11111111';
    host0.files['/host0/machines/n1/manifest'] = '';
    await service.update();
    const { changes, served } = await service.diff(N1, running);
    expect(served.folder).toBe('n1');
    expect(changes.map(({ path }) => path)).toContain('/etc/ssh/ssh_host_ed25519_key');
  });

  test('of one that nobody remembers says so', async () => {
    const { service } = appliance();
    await service.build();
    await expect(service.diff(N1, 'ab'.repeat(32))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: '11111111 runs overlay abababababababab, and what was in it is not kept any more',
    });
  });

  test('an overlay is remembered as long as a node runs it, others only for a while', async () => {
    const running = new Set<string>();
    const { host0, service, store } = appliance(FILES, { running: () => running });
    await service.build();
    const contents = [(await service.own(N1)).content];
    running.add(contents[0] ?? '');
    for (let i = 0; i < 20; i++) {
      host0.files['/files/motd'] = `${i}\n`;
      await service.update();
      contents.push((await service.own(N1)).content);
    }
    const kept = store.index.find(({ folder }) => folder === 'n1')?.earlier.map(({ content }) => content);
    expect(kept).toEqual([contents[19], contents[18], contents[0]]);
    expect((await service.diff(N1, contents[0] ?? '')).changes.map(({ path }) => path)).toEqual([
      '/etc/motd',
    ]);
  });

  test('where nobody hears nodes, the last sixteen are remembered, each once', async () => {
    const { host0, service, store } = appliance();
    await service.build();
    for (let i = 0; i < 40; i++) {
      host0.files['/files/motd'] = `${i % 25}\n`;
      await service.update();
    }
    const kept =
      store.index.find(({ folder }) => folder === 'n1')?.earlier.map(({ content }) => content) ?? [];
    expect([kept.length, new Set(kept).size]).toEqual([16, 16]);
  });
});
