import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { formatDiagnostic } from '../../../../src/base/diagnostic.ts';
import type { MachineId } from '../../../../src/domain/machine/genid.ts';
import { OverlayService } from '../../../../src/service/overlay/overlay.ts';
import { MemoryFiles, MemoryOverlays, TextPacker } from '../../../fakes/overlays.ts';

const N1 = '11111111' as MachineId;
const N2 = '22222222' as MachineId;
const STRANGER = '99999999' as MachineId;

const MACHINES = {
  '/host0/files/motd': 'hello\n',
  '/host0/files/conf': 'conf\n',
  '/host0/groups/web/manifest': 'O MODE=root:root:0644 SRC=/host0/files/conf TGT=/etc/web.conf\n',
  '/host0/groups/web/packages': 'nginx\n',
  '/host0/machines/n1/UUID': '11111111\n',
  '/host0/machines/n1/manifest': 'O MODE=root:root:0644 SRC=/host0/files/motd TGT=/etc/motd\n',
  '/host0/machines/n1/groups': 'web\n',
  '/host0/machines/n2/UUID': '22222222\n',
  '/host0/machines/n2/manifest': '# nothing of its own\n',
  '/host0/machines/n2/packages': 'htop\n',
};

function appliance(files: Record<string, string> = MACHINES) {
  const host0 = new MemoryFiles({ ...files });
  const base = new MemoryFiles({
    '/apkovl/manifest': 'O MODE=root:root:0755 SRC=/apkovl/genid TGT=/usr/bin/genid\n',
    '/apkovl/genid': 'the genid script',
  });
  const store = new MemoryOverlays();
  const packer = new TextPacker();
  const asked: string[] = [];
  const secrets = {
    credentials: async (id: MachineId) => {
      asked.push(id);
      return {
        hostKeyPrivate: `private key of ${id}\n`,
        hostKeyPublic: `public key of ${id}`,
        token: `token of ${id}`,
      };
    },
  };
  const site = {
    httpBase: 'http://10.0.0.1:8080',
    address: '10.0.0.1',
    publicKey: 'ssh-ed25519 AAAA',
    interval: 10,
  };
  const service = new OverlayService({ files: host0, base, packer, store, secrets, site: async () => site });
  return { service, host0, base, store, packer, asked };
}

/** Whichever a machine gets: its own, else everybody's. */
const overlayFor = (service: OverlayService, id: MachineId) =>
  service.own(id).catch(() => service.everybodys());

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const textOf = (overlay: { members: readonly Uint8Array[] }) =>
  overlay.members.map(member => new TextDecoder().decode(member)).join('---\n');

const outcomes = (report: { folders: readonly { folder: string; outcome: string }[] }) =>
  report.folders.map(({ folder, outcome }) => `${folder}: ${outcome}`);

describe('build', () => {
  test('makes an overlay of every folder, of base, built-in files, groups and the machine', async () => {
    const { service } = appliance();
    const report = await service.build();
    expect(outcomes(report)).toEqual(['n1: built', 'n2: built']);
    expect(report.problems).toEqual([]);
    const overlay = await overlayFor(service, N1);
    expect(overlay).toMatchObject({ folder: 'n1', owner: N1 });
    expect(overlay.size).toBe(overlay.members.reduce((sum, member) => sum + member.length, 0));
    expect(textOf(overlay)).toBe(
      [
        '/usr directory',
        '/usr/bin directory',
        '/usr/bin/genid "the genid script"',
        '---',
        '/etc directory',
        '/etc/web.conf "conf\\n"',
        '---',
        '/etc/apk directory',
        '/etc/apk/world "nginx\\n"',
        '/etc/hostname "n1\\n"',
        '/etc/hosts "127.0.0.1\\tlocalhost localhost.localdomain\\n::1\\tlocalhost localhost.localdomain\\n10.0.0.1\\thost0\\n"',
        '/etc/motd "hello\\n"',
        '/etc/pxen directory',
        '/etc/pxen/agent.json "{\\"host0\\":\\"http://10.0.0.1:8080\\",\\"id\\":\\"11111111\\",\\"token\\":\\"token of 11111111\\",\\"interval\\":10}\\n"',
        `/etc/pxen/overlay.json "{\\"content\\":\\"${overlay.content}\\"}\\n"`,
        '/etc/ssh directory',
        '/etc/ssh/ssh_host_ed25519_key "private key of 11111111\\n"',
        '/etc/ssh/ssh_host_ed25519_key.pub "public key of 11111111\\n"',
        '/root directory',
        '/root/.ssh directory',
        '/root/.ssh/authorized_keys "ssh-ed25519 AAAA\\n"',
        '',
      ].join('\n'),
    );
  });

  test('packs shared members once, and nothing when nothing has changed', async () => {
    const { service, packer, host0, store } = appliance();
    await service.build();
    expect(packer.packed, 'base, web, and one part each for n1, n2 and the built-in overlay').toBe(5);
    const hash = (await overlayFor(service, N1)).planHash;
    expect(outcomes(await service.build())).toEqual(['n1: unchanged', 'n2: unchanged']);
    expect(packer.packed).toBe(5);
    host0.files['/host0/files/motd'] = 'changed\n';
    expect(outcomes(await service.build())).toEqual(['n1: built', 'n2: unchanged']);
    expect((await overlayFor(service, N1)).planHash).not.toBe(hash);
    expect(store.index.map(({ folder }) => folder)).toEqual([undefined, 'n1', 'n2']);
  });

  test('refuses a folder with every problem and goes on serving its last good overlay', async () => {
    const { service, host0 } = appliance();
    await service.build();
    const good = textOf(await overlayFor(service, N1));
    host0.files['/host0/machines/n1/manifest'] =
      'Q\nO MODE=root:root:0644 SRC=/host0/nothing TGT=/etc/motd\nR TGT=etc\n';
    host0.files['/host0/groups/web/manifest'] = 'D MODE=0755 TGT=/srv';
    host0.files['/host0/machines/n2/packages'] = '-x\n';
    host0.files['/host0/machines/n3/groups'] = 'wep\n';
    const report = await service.build();
    expect(report.folders.map(({ folder, outcome, served }) => [folder, outcome, served])).toEqual([
      ['n1', 'refused', true],
      ['n2', 'refused', true],
      ['n3', 'refused', false],
    ]);
    const MODE = 'user:group:permissions such as root:root:0644 (permissions: 3 or 4 octal digits)';
    expect(report.problems.map(formatDiagnostic)).toEqual([
      `/host0/groups/web/manifest:1: MODE: got "0755", expected ${MODE}`,
      '/host0/machines/n1/manifest:1: action: got "Q", expected one of O, A, L, D, R',
      '/host0/machines/n1/manifest:2: SRC: got "/host0/nothing", which does not exist, expected a readable regular file of at most 64.0 MiB',
      '/host0/machines/n1/manifest:3: TGT: got "etc", expected an absolute path (one that begins with /)',
      '/host0/machines/n2/packages:1: package: got "-x", expected one apk package a line, such as openssh or nodejs>=22',
      '/host0/machines/n3/UUID: UUID: is missing, expected a file named UUID in this folder',
      '/host0/machines/n3/groups:1: group: got "wep", expected a folder of /host0/groups; did you mean web?',
      '/host0/machines/n3/manifest: manifest: is missing, expected a file named manifest in this folder',
    ]);
    expect(report.folders[0]?.problems.map(problem => problem.file)).toContain('/host0/groups/web/manifest');
    expect(textOf(await overlayFor(service, N1))).toBe(good);
  });

  test('leaves a folder with SKIP alone and keeps what it had', async () => {
    const { service, host0 } = appliance();
    await service.build();
    const before = textOf(await overlayFor(service, N1));
    host0.files['/host0/machines/n1/SKIP'] = '';
    host0.files['/host0/machines/n1/manifest'] = 'rubbish';
    host0.files['/host0/machines/new/SKIP'] = '';
    expect((await service.build()).folders).toMatchObject([
      { folder: 'n1', outcome: 'skipped', served: true, problems: [] },
      { folder: 'n2', outcome: 'unchanged' },
      { folder: 'new', outcome: 'skipped', served: false, size: 0 },
    ]);
    expect(textOf(await overlayFor(service, N1))).toBe(before);
  });

  test('drops the overlay of a folder that is gone; a renamed folder keeps the last good one', async () => {
    const { service, host0 } = appliance();
    await service.build();
    const files = Object.entries(host0.files).filter(([path]) => !path.startsWith('/host0/machines/'));
    host0.files = { ...Object.fromEntries(files), '/host0/machines/renamed/UUID': '11111111' };
    const report = await service.build();
    expect(report.removed).toEqual(['n1', 'n2']);
    expect(report.folders).toMatchObject([{ folder: 'renamed', outcome: 'refused', served: true }]);
    expect((await overlayFor(service, N1)).folder).toBe('renamed');
    expect((await overlayFor(service, N2)).folder).toBeUndefined();
  });

  test('refuses both of two folders with one UUID, naming both', async () => {
    const { service, host0 } = appliance();
    await service.build();
    host0.files['/host0/machines/twin/UUID'] = '11111111';
    host0.files['/host0/machines/twin/manifest'] = '';
    const report = await service.build();
    expect(outcomes(report)).toEqual(['n1: refused', 'n2: unchanged', 'twin: refused']);
    expect(report.problems.map(formatDiagnostic)).toEqual([
      '/host0/machines/n1/UUID: UUID: got "11111111", expected an id of its own; /host0/machines/twin/UUID has the same',
      '/host0/machines/twin/UUID: UUID: got "11111111", expected an id of its own; /host0/machines/n1/UUID has the same',
    ]);
    expect((await overlayFor(service, N1)).folder).toBe('n1');
  });

  test('a folder that takes over the id of a broken one wins', async () => {
    const { service, host0 } = appliance();
    await service.build();
    host0.files['/host0/machines/n1/UUID'] = '33333333';
    host0.files['/host0/machines/n1/manifest'] = 'rubbish';
    host0.files['/host0/machines/a/UUID'] = '11111111';
    host0.files['/host0/machines/a/manifest'] = '';
    await service.build();
    expect((await overlayFor(service, N1)).folder).toBe('a');
  });

  test('a broken base refuses everything in one error', async () => {
    const { service, base } = appliance();
    base.files['/apkovl/manifest'] = 'Q\n';
    await expect(service.build()).rejects.toMatchObject({
      code: 'MANIFEST_INVALID',
      message: 'The base overlay that comes with pxen is broken: 1 problem',
      details: ['/apkovl/manifest:1: action: got "Q", expected one of O, A, L, D, R'],
    });
  });

  test('a manifest has the last word on built-in files', async () => {
    const { service } = appliance({
      ...MACHINES,
      '/host0/machines/n1/manifest':
        'A MODE=root:root:0644 SRC=/host0/files/conf TGT=/etc/hosts\nA MODE=root:root:0644 SRC=/host0/files/motd TGT=/etc/hostname\nR TGT=/etc/ssh/ssh_host_ed25519_key.pub\n',
    });
    await service.build();
    const text = textOf(await overlayFor(service, N1));
    expect(text).toContain('10.0.0.1\\thost0\\nconf\\n"');
    expect(text).toContain('/etc/hostname "hello\\n"');
    expect(text).not.toContain('/etc/ssh/ssh_host_ed25519_key.pub "');
  });
});

describe('check', () => {
  test('finds what build would find, writes nothing and makes no keys', async () => {
    const files = { ...MACHINES, '/host0/machines/n1/manifest': 'Q', '/host0/groups/unused/manifest': 'Q' };
    const { service, store, asked } = appliance(files);
    const result = await service.check();
    expect(result.folders).toBe(2);
    expect(result.problems.map(problem => problem.file)).toEqual([
      '/host0/groups/unused/manifest',
      '/host0/machines/n1/manifest',
    ]);
    expect({ commits: store.commits, parts: store.parts.size, asked }).toEqual({
      commits: 0,
      parts: 0,
      asked: [],
    });
  });

  test('sees lines of different folders that contradict each other', async () => {
    const { service } = appliance({
      ...MACHINES,
      '/host0/machines/n1/manifest': 'D MODE=root:root:0755 TGT=/etc/web.conf',
    });
    expect((await service.check()).problems.map(formatDiagnostic)).toEqual([
      '/host0/machines/n1/manifest:1: TGT: got "/etc/web.conf", expected a path that is free, or an R line before; it is a file since /host0/groups/web/manifest:1',
    ]);
  });
});

test('when the folder of all machines is gone, as with a disk that is not mounted, every overlay stays', async () => {
  const { service, host0 } = appliance();
  await service.build();
  const before = textOf(await service.own(N1));
  host0.gone = true;
  for (const report of [await service.build(), await service.update()]) {
    expect(report.problems.map(formatDiagnostic)).toEqual([
      '/host0/machines: folder: is missing, expected to be there; is its disk mounted? All overlays stay as they are',
    ]);
    expect(report.removed).toEqual([]);
  }
  expect(textOf(await service.own(N1))).toBe(before);
  host0.gone = false;
  expect((await service.update()).problems).toEqual([]);
});

describe('own and everybodys', () => {
  test('a machine without a folder gets the default folder, or the built-in overlay, and no secret with it', async () => {
    const { service, host0, asked } = appliance({});
    const builtIn = await overlayFor(service, STRANGER);
    expect(builtIn).toMatchObject({ folder: undefined, owner: 'default' });
    expect(textOf(builtIn)).toContain(
      '/etc/pxen/agent.json "{\\"host0\\":\\"http://10.0.0.1:8080\\",\\"interval\\":10}\\n"',
    );
    host0.files = { '/host0/machines/others/UUID': 'default', '/host0/machines/others/manifest': '' };
    await service.build();
    const own = await overlayFor(service, STRANGER);
    expect(own).toMatchObject({ folder: 'others', owner: 'default' });
    expect(textOf(own) + textOf(builtIn)).not.toMatch(/token|private key/);
    expect(asked).toEqual([]);
    await expect(service.own(STRANGER)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('what is for everybody is never the overlay of a machine whose folder is called default', async () => {
    const { service } = appliance({
      '/host0/machines/default/UUID': '11111111',
      '/host0/machines/default/manifest': '',
    });
    await service.build();
    expect(await service.everybodys()).toMatchObject({ folder: undefined, owner: 'default' });
    expect((await service.own(N1)).folder).toBe('default');
  });

  test('goes by the id alone: a folder may be called like the id of another machine', async () => {
    const { service } = appliance({
      '/host0/machines/99999999/UUID': '11111111',
      '/host0/machines/99999999/manifest': '',
    });
    await service.build();
    expect((await overlayFor(service, STRANGER)).folder).toBeUndefined();
    expect((await overlayFor(service, N1)).folder).toBe('99999999');
  });

  test('reads the index again when a build of another process swept its parts away', async () => {
    const { service, store } = appliance();
    await service.build();
    store.lost = true;
    expect((await overlayFor(service, N1)).folder).toBe('n1');
  });

  test('many first requests at once build the built-in overlay once', async () => {
    const { service, store } = appliance({});
    const overlays = await Promise.all([N1, N2, STRANGER].map(id => overlayFor(service, id)));
    expect(new Set(overlays.map(({ planHash }) => planHash)).size).toBe(1);
    expect(store.commits).toBe(1);
  });
});

describe('show', () => {
  test('lists the entries by folder name or id, each with its origin', async () => {
    const { service } = appliance();
    await service.build();
    const shown = await service.show('n1');
    expect(await service.show('11111111')).toEqual(shown);
    expect(shown).toMatchObject({ folder: 'n1', owner: N1 });
    const lines = ['/etc/web.conf', '/etc/motd', '/usr/bin', '/etc/pxen/agent.json'];
    expect(shown.entries.filter(({ path }) => lines.includes(path))).toEqual([
      {
        path: '/etc/motd',
        type: 'file',
        mode: '0644',
        user: 'root',
        group: 'root',
        size: 6,
        hash: sha256('hello\n'),
        origin: '/host0/machines/n1/manifest:1',
      },
      {
        path: '/etc/pxen/agent.json',
        type: 'file',
        mode: '0600',
        user: 'root',
        group: 'root',
        size: 91,
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
        origin: 'built-in',
      },
      {
        path: '/etc/web.conf',
        type: 'file',
        mode: '0644',
        user: 'root',
        group: 'root',
        size: 5,
        hash: sha256('conf\n'),
        origin: '/host0/groups/web/manifest:1',
      },
      {
        path: '/usr/bin',
        type: 'directory',
        mode: '0755',
        user: 'root',
        group: 'root',
        size: 0,
        origin: '/apkovl/manifest:1',
      },
    ]);
    expect((await service.show('default')).folder).toBeUndefined();
  });

  test('names the nearest folder when there is none of that name', async () => {
    const { service } = appliance();
    await service.build();
    await expect(service.show('n3')).rejects.toThrow('no overlay for "n3"; did you mean n1?');
    await expect(service.find('rack9')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'no overlay for "rack9"; run mesh system configure after adding its folder',
    });
  });
});
