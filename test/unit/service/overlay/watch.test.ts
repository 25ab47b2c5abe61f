import { describe, expect, test } from 'vitest';
import { silentMeter } from '../../../../src/base/meter.ts';
import { UNSETTLED } from '../../../../src/domain/overlay/source.ts';
import { BuildChronicle } from '../../../../src/service/overlay/chronicle.ts';
import { OverlayService } from '../../../../src/service/overlay/overlay.ts';
import { OverlayWatch } from '../../../../src/service/overlay/watch.ts';
import { ManualClock } from '../../../fakes/clock.ts';
import { RecordingLog } from '../../../fakes/log.ts';
import { MemoryFiles, MemoryOverlays, TextPacker } from '../../../fakes/overlays.ts';
import { FakeFolders } from '../../../fakes/watching.ts';

const FILES = {
  '/srv/motd': 'hello\n',
  '/host0/machines/n1/UUID': '11111111\n',
  '/host0/machines/n1/manifest': 'O MODE=root:root:0644 SRC=/srv/motd TGT=/etc/motd\n',
  '/host0/machines/n2/UUID': '22222222\n',
  '/host0/machines/n2/manifest': '',
};

/** Lets what was begun come to its end; nothing in these tests waits for the system. */
const settle = async () => {
  for (let i = 0; i < 20; i++) await new Promise(resolve => setImmediate(resolve));
};

async function watched(prepare: (folders: FakeFolders) => void = () => {}) {
  const files = new MemoryFiles({ ...FILES });
  const store = new MemoryOverlays();
  const folders = new FakeFolders();
  prepare(folders);
  const clock = new ManualClock();
  const log = new RecordingLog();
  const overlays = new OverlayService({
    files,
    base: new MemoryFiles({ '/apkovl/manifest': '' }),
    packer: new TextPacker(),
    store,
    secrets: {
      credentials: async id => ({ hostKeyPrivate: `k${id}`, hostKeyPublic: `p${id}`, token: `t${id}` }),
    },
    site: async () => ({ httpBase: 'http://10.0.0.1', address: '10.0.0.1', publicKey: 'key', interval: 10 }),
  });
  const chronicle = new BuildChronicle({ log, meter: silentMeter });
  chronicle.tell(await overlays.build());
  log.lines.length = 0;
  const looks: number[] = [];
  const update = overlays.update.bind(overlays);
  overlays.update = options => {
    looks.push(clock.now());
    return update(options);
  };
  let built = 0;
  const onBuilt = async () => void built++;
  const watch = new OverlayWatch({ overlays, folders, clock, log, chronicle, onBuilt });
  await watch.start();
  await settle();
  clock.advance(0);
  await settle();
  looks.length = 0;
  return { watch, files, store, folders, clock, log, overlays, looks, built: () => built };
}

type Watched = Awaited<ReturnType<typeof watched>>;

/** An admin writes a file. */
function save({ files, folders }: Watched, path: string, text: string | undefined): void {
  if (text === undefined) delete files.files[path];
  else files.files[path] = text;
  folders.change(path);
}

async function pass({ clock }: Watched, milliseconds: number): Promise<void> {
  clock.advance(milliseconds);
  await settle();
}

describe('a change under /host0', () => {
  test('is built after a tenth of a second of quiet, once for all events of a save', async () => {
    const all = await watched();
    for (let i = 0; i < 5; i++) {
      save(all, '/srv/motd', `version ${i}\n`);
      await pass(all, 60);
    }
    expect(all.looks).toEqual([]);
    await pass(all, 50);
    expect(all.looks).toHaveLength(1);
    expect(all.log.lines).toEqual(['info overlay: built: n1']);
    expect(all.built()).toBeGreaterThan(0);
  });

  test('is built a second after it at the latest, however long the changes go on', async () => {
    const all = await watched();
    const began = all.clock.now();
    for (let i = 0; i < 40; i++) {
      save(all, '/srv/motd', `version ${i}\n`);
      await pass(all, 50);
    }
    expect(all.looks[0]).toBe(began + 1000);
  });

  test('that concerns no overlay wakes nobody: swap files of an editor, neighbours of a SRC', async () => {
    const all = await watched();
    for (const path of ['/host0/machines/n1/.manifest.swp', '/host0/machines/n1/4913', '/srv/other', '/etc'])
      save(all, path, 'x');
    await pass(all, 5000);
    expect(all.looks).toEqual([]);
  });

  test('a folder that appears is built, and listened in from then on', async () => {
    const all = await watched();
    all.files.files['/host0/machines/n3/UUID'] = '33333333';
    save(all, '/host0/machines/n3', undefined);
    await pass(all, 100);
    expect(all.log.lines.filter(line => line.startsWith('warn'))).toEqual([
      'warn overlay: /host0/machines/n3/manifest: manifest: is missing, expected a file named manifest in this folder',
      'warn overlay: refused, no overlay is served: n3',
    ]);
    await pass(all, 0);
    save(all, '/host0/machines/n3/manifest', '');
    await pass(all, 100);
    expect(all.log.lines.at(-1)).toBe('info overlay: built: n3');
  });

  test('a SRC behind a link is listened to where the link leads', async () => {
    const all = await watched(folders => folders.links.set('/srv/motd', '/data/motd'));
    expect([...all.folders.listening.keys()]).toContain('/data');
    all.files.files['/srv/motd'] = 'new\n';
    all.folders.change('/data/motd');
    await pass(all, 100);
    expect(all.log.lines).toEqual(['info overlay: built: n1']);
  });

  test('a folder that was renamed or made anew is opened anew', async () => {
    const all = await watched();
    const before = all.folders.opened;
    save(all, '/host0/machines/n1', undefined);
    await pass(all, 100);
    expect(all.folders.opened).toBe(before + 1);
    await pass(all, 0);
    await pass(all, 1000);
    expect(all.folders.opened).toBe(before + 1);
  });

  test('that comes while a build runs is built after it', async () => {
    const all = await watched();
    save(all, '/srv/motd', 'one\n');
    all.clock.advance(100);
    save(all, '/srv/motd', 'two\n');
    await settle();
    await pass(all, 100);
    const { members } = await all.overlays.find('n1');
    expect(members.map(member => new TextDecoder().decode(member)).join('')).toContain('/etc/motd "two\\n"');
  });

  test('a file that was read fresh from writing is looked at again soon', async () => {
    const all = await watched();
    const stamp = all.files.stamp.bind(all.files);
    all.files.stamp = async path => (path === '/srv/motd' ? UNSETTLED : stamp(path));
    save(all, '/srv/motd', 'one\n');
    await pass(all, 100);
    all.files.stamp = stamp;
    all.files.files['/srv/motd'] = 'two\n';
    await pass(all, 150);
    expect(all.log.lines).toEqual(['info overlay: built: n1', 'info overlay: built: n1']);
    await pass(all, 5000);
    expect(all.looks).toHaveLength(2);
  });
});

describe('problems', () => {
  test('are logged once per change, all of them, and the end of them too', async () => {
    const all = await watched();
    save(all, '/host0/machines/n2/manifest', 'Q\nX\n');
    await pass(all, 100);
    save(all, '/srv/motd', 'other\n');
    await pass(all, 100);
    save(all, '/host0/machines/n2/manifest', '');
    await pass(all, 100);
    expect(all.log.lines).toEqual([
      'warn overlay: /host0/machines/n2/manifest:1: action: got "Q", expected one of O, A, L, D, R',
      'warn overlay: /host0/machines/n2/manifest:2: action: got "X", expected one of O, A, L, D, R',
      'warn overlay: refused, the last good overlay stays: n2',
      'info overlay: built: n1',
      'info overlay: in order again: n2',
    ]);
  });

  test('a build that fails is said once, shows in health, and is tried again until it is well', async () => {
    const all = await watched();
    const exclusive = all.store.exclusive.bind(all.store);
    all.store.exclusive = () => Promise.reject(new Error('the disk is full'));
    save(all, '/srv/motd', 'new\n');
    await pass(all, 100);
    await pass(all, 5000);
    await pass(all, 5000);
    const trouble = 'changes under /host0 are not served: the disk is full';
    expect(all.log.lines).toEqual([`error overlay: ${trouble}`]);
    expect(all.watch.health()).toBe(trouble);
    all.store.exclusive = exclusive;
    await pass(all, 5000);
    expect(all.log.lines.at(-1)).toBe('info overlay: built: n1');
    expect(all.watch.health()).toBeUndefined();
  });
});

describe('the safety net', () => {
  test('finds what nobody told of, as on NFS', async () => {
    const all = await watched();
    all.files.files['/srv/motd'] = 'changed on another host\n';
    await pass(all, 9000);
    expect(all.log.lines).toEqual([]);
    await pass(all, 1000);
    expect(all.log.lines).toEqual(['info overlay: built: n1']);
  });

  test('is cast more often where the system has no watches left, and that is said once', async () => {
    const all = await watched(folders => {
      folders.limit = 3;
    });
    const [said, ...others] = all.log.lines;
    expect([said, others]).toEqual([
      'warn overlay: not every folder can be watched, changes may take some seconds: the system has no inotify watch left; raise it: sysctl fs.inotify.max_user_watches=524288',
      [],
    ]);
    all.files.files['/srv/motd'] = 'new\n';
    await pass(all, 2000);
    expect(all.log.lines.slice(1)).toEqual(['info overlay: built: n1']);
  });

  test('a folder that does not exist is no limit', async () => {
    const all = await watched(folders => folders.missing.add('/host0/groups'));
    expect(all.log.lines).toEqual([]);
    expect([...all.folders.listening.keys()]).toContain('/host0');
  });
});

describe('stop', () => {
  test('lets go of every folder and alarm', async () => {
    const all = await watched();
    save(all, '/srv/motd', 'new\n');
    await all.watch.stop();
    expect([all.folders.listening.size, all.clock.waiting]).toEqual([0, 0]);
    await pass(all, 60_000);
    expect(all.looks).toEqual([]);
  });

  test('ends a build that is under way, without a word', async () => {
    const all = await watched();
    save(all, '/srv/motd', 'new\n');
    all.clock.advance(100);
    const commits = all.store.commits;
    await all.watch.stop();
    await settle();
    expect([all.store.commits, all.clock.waiting, all.log.lines]).toEqual([commits, 0, []]);
  });
});
