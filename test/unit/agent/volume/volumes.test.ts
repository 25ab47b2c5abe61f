import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ensuring, Volumes } from '../../../../src/agent/volume/volumes.ts';
import { asPxenError } from '../../../../src/base/error.ts';
import type { Volume, Workload } from '../../../../src/domain/workload/workload.ts';
import type { Exec } from '../../../../src/io/exec.ts';
import { fastClock } from '../../../fakes/fast-clock.ts';
import { qcow2Header, workloadWith } from '../../../fakes/volumes.ts';
import { sha256, slowly, status, upTo, WebServer } from '../../../fixtures/web-server.ts';

const CONTENT = Buffer.alloc(1 << 20, 'an ISO');

let root = '';
let server: WebServer;
let said: string[];
let volumes: Volumes;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'volumes-'));
  server = await new WebServer(CONTENT).start();
  volumes = await agent();
});
afterEach(async () => {
  await server.stop();
  rmSync(root, { recursive: true });
});

/** One that starts now: it knows what is on the disk. */
async function agent(): Promise<Volumes> {
  said = [];
  const fresh = new Volumes({ root, clock: fastClock(5), say: line => said.push(line) });
  await fresh.start();
  return fresh;
}

function put(path: string, content: string | Uint8Array = 'by hand'): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

const read = (path: string): string => readFileSync(join(root, path), 'latin1');
const inode = (path: string): number => statSync(join(root, path)).ino;
const exists = (path: string): boolean => existsSync(join(root, path));

/** What a folder of the node holds, hidden files too; nothing when it is not there. */
function list(folder: string): string[] {
  return exists(folder) ? readdirSync(join(root, folder)).sort() : [];
}

function on(options: Partial<Ensuring> = {}): Ensuring {
  return { progress: () => {}, signal: new AbortController().signal, starting: true, ...options };
}

const ensure = (workload: Workload, options: Partial<Ensuring> = {}): ReturnType<Volumes['ensure']> =>
  volumes.ensure(workload, on(options));

/** The volume at /v/x.iso, fetched from the server. */
function fetched(name: string, ...changes: (Partial<Volume> & { path?: string })[]): Workload {
  const all = changes.length === 0 ? [{}] : changes;
  return workloadWith(
    name,
    ...all.map(change => ({ path: '/v/x.iso', source: server.url().href, ...change })),
  );
}

async function failure(work: Promise<unknown>): Promise<string[]> {
  const error = asPxenError(
    await work.then(
      () => new Error('it did not fail'),
      thrown => thrown,
    ),
  );
  return [error.code, error.message, ...error.details].map(text =>
    text.replaceAll(server.url('/').origin, 'http://SERVER').replaceAll(root, 'ROOT'),
  );
}

describe('ensure', () => {
  test('fetches what is missing, makes its folder and tells how far it is', async () => {
    const told: unknown[][] = [];
    await ensure(fetched('a', {}, { path: '/deep/er/y.iso', source: server.url('/y').href }), {
      progress: (...of) => told.push(of),
    });
    expect([read('/v/x.iso'), read('/deep/er/y.iso')]).toEqual([CONTENT.toString(), CONTENT.toString()]);
    expect(told).toContainEqual([0, '/v/x.iso', CONTENT.length, CONTENT.length]);
    expect(told.at(-1)).toEqual([1, '/deep/er/y.iso', CONTENT.length, CONTENT.length]);
  });

  test('does nothing a second time, not even after the agent was restarted', async () => {
    await ensure(fetched('a'));
    const first = inode('/v/x.iso');
    await ensure(fetched('a'));
    volumes = await agent();
    await ensure(fetched('a'));
    expect([inode('/v/x.iso'), server.asked, said]).toEqual([first, ['GET all'], []]);
  });

  test('never overwrites what somebody has put there by hand', async () => {
    put('/v/x.iso');
    await ensure(fetched('a'));
    expect([read('/v/x.iso'), server.asked]).toEqual(['by hand', []]);
  });

  test('copies from a path of the node', async () => {
    put('/mnt/base.iso', 'the base');
    await ensure(workloadWith('a', { path: '/v/x.iso', source: '/mnt/base.iso' }));
    expect(read('/v/x.iso')).toBe('the base');
    expect(inode('/v/x.iso')).not.toBe(inode('/mnt/base.iso'));
  });

  test('what is neither there nor to be fetched is refused, all of it at once, and nothing is fetched', async () => {
    mkdirSync(join(root, 'folder'));
    const workload = workloadWith(
      'a',
      { path: '/v/none.iso' },
      { path: '/folder' },
      { path: '/v/x.iso', source: server.url().href },
    );
    expect(await failure(ensure(workload))).toEqual([
      'WORKLOAD_INVALID',
      'a: 2 problems',
      'platform.volume.0.path: got "/v/none.iso", which is not on this node, expected a file that is there, or a source to fetch it from',
      'platform.volume.1.path: got "/folder", which is no file, expected a file or a disk',
    ]);
    expect(server.asked).toEqual([]);
  });

  test('a source that is not there', async () => {
    const workload = workloadWith('a', { path: '/v/x.iso', source: '/mnt/none.iso' });
    expect(await failure(ensure(workload))).toEqual([
      'FILE_MISSING',
      'ROOT/mnt/none.iso: there is no such file',
    ]);
    expect([list('/'), list('/tmp/pxen/uuid-a')]).toEqual([['tmp'], []]);
  });

  test('a failure takes back what this one fetched, and nothing else', async () => {
    put('/v/hand.iso');
    await ensure(fetched('other', { path: '/v/other.iso', source: server.url('/other').href }));
    server.next = [(_request, response) => void response.end('ok'), status(404)];
    const workload = workloadWith(
      'a',
      { path: '/v/hand.iso' },
      { path: '/new/one.iso', source: server.url('/one').href },
      { path: '/new/two.iso', source: server.url('/isos/two.iso').href },
    );
    expect(await failure(ensure(workload))).toEqual([
      'DOWNLOAD_FAILED',
      'http://SERVER/isos/two.iso: HTTP 404 Not Found',
      'what host0 has: mesh iso list',
    ]);
    expect(list('/v')).toEqual(['hand.iso', 'other.iso', 'other.iso.pxen']);
    expect(exists('/new')).toBe(false);
    expect(list('/tmp/pxen/uuid-a')).toEqual([]);
  });

  test('what an earlier download has fetched stays when a start fails', async () => {
    await ensure(fetched('a'));
    server.next = [status(404)];
    await failure(ensure(fetched('a', {}, { path: '/v/y.iso', source: server.url('/y').href })));
    expect(list('/v')).toEqual(['x.iso', 'x.iso.pxen']);
    await ensure(fetched('a'));
    expect(server.asked).toEqual(['GET all', 'GET all']);
  });

  test('its undo does the same for a start that fails later', async () => {
    await ensure(fetched('a'));
    const undo = await ensure(fetched('a', {}, { path: '/w/y.iso', source: server.url('/y').href }));
    expect(list('/w')).toEqual(['y.iso', 'y.iso.pxen']);
    await undo();
    expect([list('/v'), exists('/w')]).toEqual([['x.iso', 'x.iso.pxen'], false]);
  });

  test('a download that was stopped is gone on with by the next start', async () => {
    const stop = new AbortController();
    server.next = [upTo(CONTENT.length / 2, 'silence')];
    const stopped = failure(ensure(fetched('a'), { signal: stop.signal, progress: () => stop.abort() }));
    expect((await stopped)[1]).toMatch(
      /^http:\/\/SERVER\/isos\/x\.iso: stopped after [\d.]+ KiB of 1\.0 MiB$/,
    );
    expect(list('/v')).toEqual(['.x.iso.pxen-part', '.x.iso.pxen-part.json']);
    await ensure(fetched('a'));
    expect([server.asked.length, server.asked[1]]).toEqual([2, expect.stringMatching(/^GET bytes=\d+-$/)]);
  });

  test('another checksum: the code says so and nothing is left', async () => {
    expect((await failure(ensure(fetched('a', { sha256: sha256(Buffer.from('x')) }))))[0]).toBe(
      'CHECKSUM_MISMATCH',
    );
    expect(list('/v')).toEqual([]);
  });

  test('a node without a way to the server is told what to do', async () => {
    const workload = workloadWith('a', { path: '/v/x.iso', source: 'https://mirror.invalid/iso/x.iso' });
    const [code, message, ...details] = await failure(ensure(workload));
    expect([code, message]).toEqual([
      'DOWNLOAD_FAILED',
      expect.stringMatching(
        /^https:\/\/mirror\.invalid\/iso\/x\.iso: getaddrinfo (ENOTFOUND|EAI_AGAIN) mirror\.invalid$/,
      ),
    ]);
    expect(details).toEqual([
      'this node has no way to mirror.invalid; let host0 fetch it: mesh iso add https://mirror.invalid/iso/x.iso',
      'and then say platform.volume.0.source=http://host0/isos/x.iso',
    ]);
  });
});

describe('room on the node', () => {
  beforeEach(async () => {
    rmSync(root, { recursive: true });
    root = mkdtempSync('/dev/shm/volumes-');
    volumes = await agent();
  });

  test('a file that lies in memory leaves some of it to the virtual machines', async () => {
    put('/proc/meminfo', 'MemTotal: 99999 kB\nMemAvailable:      33000 kB\n');
    expect(await failure(ensure(fetched('a')))).toEqual([
      'NO_SPACE',
      'http://SERVER/isos/x.iso: it has 1.0 MiB or more, but at most 232 KiB may come: /v/x.iso lies in the memory of the node, of which 32.2 MiB are available',
    ]);
    expect(list('/v')).toEqual([]);
    put('/proc/meminfo', 'MemAvailable:      34000 kB\n');
    await ensure(fetched('a'));
    expect(list('/v')).toEqual(['x.iso']);
  });

  test('what is there of it already is not wanted twice', async () => {
    const stop = new AbortController();
    server.next = [upTo(CONTENT.length - 5, 'silence')];
    const stopping = failure(ensure(fetched('a'), { signal: stop.signal }));
    while (list('/v').length < 2 || statSync(join(root, 'v/.x.iso.pxen-part')).size < 900_000)
      await new Promise(resolve => setTimeout(resolve, 2));
    stop.abort();
    await stopping;
    put('/proc/meminfo', 'MemAvailable:      33000 kB\n');
    await ensure(fetched('a'));
    expect(server.asked).toEqual(['GET all', expect.stringMatching(/^GET bytes=\d+-$/)]);
  });
});

test('an image that is converted in memory is there twice while that goes on', async () => {
  rmSync(root, { recursive: true });
  root = mkdtempSync('/dev/shm/volumes-');
  put('/proc/meminfo', 'MemAvailable: 65536 kB\n');
  server.content = Buffer.from(qcow2Header());
  const exec: Exec = async (command, args) => {
    writeFileSync(args.at(-1) ?? '', Buffer.alloc(8192, 1));
    return {
      command,
      exitCode: 0,
      signal: undefined,
      stdout: '',
      stderr: '',
      timedOut: false,
      failure: undefined,
    };
  };
  volumes = new Volumes({ root, clock: fastClock(5), say: () => {}, exec });
  const raw = fetched('a', { path: '/v/a', type: 'qcow2', format: 'raw' });
  const left = await failure(
    ensure(raw, { progress: () => put('/proc/meminfo', 'MemAvailable: 32772 kB\n') }),
  );
  expect(left).toEqual([
    'NO_SPACE',
    'http://SERVER/isos/x.iso: it has 8.0 KiB or more, but at most 4.0 KiB may come: /v/a lies in the memory of the node, of which 32.0 MiB are available',
  ]);
  expect(list('/v')).toEqual([]);
});

describe('what a volume holds', () => {
  const page = Buffer.from('<!DOCTYPE html><title>Moved</title>');

  test.each<[Volume['type'], Uint8Array, string]>([
    ['iso', new Uint8Array(), 'is empty'],
    ['iso', qcow2Header(), 'is a qcow2 image and no ISO; its type is qcow2'],
    ['qcow2', page, 'is no qcow2 image, it looks like a web page; does the URL lead to a page about it?'],
    [
      'qcow2',
      qcow2Header(view => view.setBigUint64(8, 104n)),
      'needs another file, its backing file ""; make it whole: qemu-img convert -O qcow2 OLD NEW',
    ],
  ])('%s: nothing of this kind is kept, whether fetched or there already', async (type, content, why) => {
    server.content = Buffer.from(content);
    expect(await failure(ensure(fetched('a', { type })))).toEqual([
      'WORKLOAD_INVALID',
      `platform.volume.0.source: "http://SERVER/isos/x.iso" ${why}`,
    ]);
    expect(list('/v')).toEqual([]);
    put('/v/x.iso', content);
    expect(await failure(ensure(workloadWith('a', { path: '/v/x.iso', type })))).toEqual([
      'WORKLOAD_INVALID',
      'a: 1 problem',
      `platform.volume.0.path: "/v/x.iso" ${why}`,
    ]);
    expect(list('/v')).toEqual(['x.iso']);
  });
});

describe('release', () => {
  test('deletes ephemeral volumes, the ones that were placed by hand too, and keeps persistent ones', async () => {
    put('/v/hand.iso');
    const workload = fetched(
      'a',
      {},
      { path: '/v/keep.iso', ephemeral: false },
      { path: '/v/hand.iso', source: undefined },
    );
    await ensure(workload);
    await volumes.taken(workload);
    expect(await volumes.release(workload)).toEqual(['/v/x.iso', '/v/hand.iso']);
    expect(list('/v')).toEqual(['keep.iso', 'keep.iso.pxen']);
    expect(list('/tmp/pxen/uuid-a')).toEqual([]);
  });

  test('deletes a link and not what it leads to, and no folder', async () => {
    put('/mnt/real.iso');
    mkdirSync(join(root, 'v'));
    symlinkSync('../mnt/real.iso', join(root, 'v/link.iso'));
    const workload = workloadWith('a', { path: '/v/link.iso' });
    await ensure(workload);
    expect(await volumes.release(workload)).toEqual(['/v/link.iso']);
    expect([list('/v'), list('/mnt')]).toEqual([[], ['real.iso']]);
    mkdirSync(join(root, 'v/folder.iso'));
    expect(await volumes.release(workloadWith('a', { path: '/v/folder.iso' }))).toEqual([]);
    expect(list('/v')).toEqual(['folder.iso']);
  });

  test('keeps what another workload has, until that one stops', async () => {
    await ensure(fetched('a'));
    await ensure(fetched('b'));
    expect(await volumes.release(fetched('a'))).toEqual([]);
    expect(exists('/v/x.iso')).toBe(true);
    volumes = await agent();
    expect(await volumes.release(fetched('b'))).toEqual(['/v/x.iso']);
  });

  test('takes along what the workload had before its file was changed, and what an unfinished download left', async () => {
    await ensure(fetched('a', { path: '/v/old.iso' }));
    put('/v/.new.iso.pxen-part');
    expect(await volumes.release(fetched('a', { path: '/v/new.iso' }))).toEqual(['/v/old.iso']);
    expect(list('/v')).toEqual([]);
  });

  test('never deletes the persistent volume of another workload', async () => {
    await ensure(fetched('a', { ephemeral: false }));
    await volumes.release(fetched('a', { ephemeral: false }));
    expect(await volumes.release(workloadWith('b', { path: '/v/x.iso' }))).toEqual([]);
    expect(list('/v')).toEqual(['x.iso', 'x.iso.pxen']);
  });
});

describe('drop', () => {
  test('deletes an ephemeral volume of a machine that runs on; the last one that has it', async () => {
    const [a, b] = [fetched('a'), fetched('b')];
    for (const workload of [a, b]) await ensure(workload);
    const dropped = (workload: Workload): Promise<boolean[]> =>
      Promise.all(workload.volumes.map(volume => volumes.drop(workload, volume)));
    expect([await dropped(a), exists('/v/x.iso')]).toEqual([[false], true]);
    expect([await dropped(b), exists('/v/x.iso')]).toEqual([[true], false]);
    expect([await volumes.release(a), await volumes.release(b)]).toEqual([[], []]);
  });

  test('leaves a persistent one, which its workload may have again', async () => {
    const workload = fetched('a', { ephemeral: false });
    await ensure(workload);
    for (const volume of workload.volumes) expect(await volumes.drop(workload, volume)).toBe(false);
    expect(exists('/v/x.iso')).toBe(true);
    await expect(ensure(workload)).resolves.toBeDefined();
    expect(await failure(ensure(fetched('b')))).toEqual([
      'WORKLOAD_INVALID',
      'b: 1 problem',
      expect.stringContaining('belongs to the workload'),
    ]);
  });
});

describe('ownership (X-2)', () => {
  const persistent = (): Workload => fetched('a', { ephemeral: false, type: 'qcow2', writable: true });
  beforeEach(() => {
    server.content = Buffer.from(qcow2Header());
  });

  test('a persistent volume is kept over stops, restarts of the agent and reboots of the node', async () => {
    await ensure(persistent());
    await volumes.taken(persistent());
    put(
      '/v/x.iso',
      qcow2Header(view => view.setUint8(1000, 7)),
    );
    await volumes.release(persistent());
    rmSync(join(root, 'tmp'), { recursive: true });
    volumes = await agent();
    expect(await volumes.paths(persistent())).toEqual({ existing: ['/v/x.iso'], owned: ['/v/x.iso'] });
    await ensure(persistent());
    expect([server.asked, read('/v/x.iso').charCodeAt(1000)]).toEqual([['GET all'], 7]);
  });

  test('a file that was not placed by the workload is none of its own', async () => {
    put('/v/x.iso', qcow2Header());
    expect(await volumes.paths(persistent())).toEqual({ existing: ['/v/x.iso'], owned: [] });
    expect(await failure(ensure(persistent()))).toEqual([
      'WORKLOAD_INVALID',
      'a: 1 problem',
      'platform.volume.0.path: got "/v/x.iso", which is there already and was not fetched for it, expected another path',
    ]);
  });

  test('neither is the persistent volume of another workload, be it stopped', async () => {
    await ensure(persistent());
    await volumes.release(persistent());
    const other = workloadWith('b', { path: '/v/x.iso', type: 'qcow2' });
    expect(await volumes.paths(other)).toEqual({ existing: ['/v/x.iso'], owned: [] });
    expect((await failure(ensure(other)))[2]).toBe(
      'platform.volume.0.path: got "/v/x.iso", which belongs to the workload with the uuid uuid-a, expected another path',
    );
  });

  test('the marker is there before the file', async () => {
    let marker = '';
    server.next = [
      (_request, response) => {
        marker = read('/v/x.iso.pxen');
        response.end(qcow2Header());
      },
    ];
    await ensure(persistent());
    expect(JSON.parse(marker)).toEqual({ uuid: 'uuid-a', source: server.url().href, ephemeral: false });
  });

  test.each([200, 225, 255])('a name of %i bytes has one, too', async length => {
    const long = { path: `/v/${'n'.repeat(length)}`, type: 'qcow2', ephemeral: false } as const;
    await ensure(fetched('a', long));
    rmSync(join(root, 'tmp'), { recursive: true });
    volumes = await agent();
    await ensure(fetched('a', long));
    expect([list('/v').length, server.asked.length]).toEqual([2, 1]);
  });

  test('a marker whose file is gone counts for nothing', async () => {
    await ensure(persistent());
    await volumes.release(persistent());
    rmSync(join(root, 'v/x.iso'));
    await ensure(fetched('b', { ephemeral: false, type: 'qcow2' }));
    expect(JSON.parse(read('/v/x.iso.pxen')).uuid).toBe('uuid-b');
  });
});

describe('ephemeral volumes of a virtual machine that died', () => {
  test('are deleted and fetched anew by the next start, and by nothing else', async () => {
    await ensure(
      fetched('a', { writable: true, type: 'qcow2' }).volumes.length > 0 ? fetched('a') : fetched('a'),
    );
    await volumes.taken(fetched('a'));
    volumes = await agent();
    await ensure(fetched('a'), { starting: false });
    expect(server.asked).toEqual(['GET all']);
    await ensure(fetched('a'));
    expect(server.asked).toEqual(['GET all', 'GET all']);
  });

  test('so are those on a disk that outlived a reboot', async () => {
    await ensure(fetched('a'));
    rmSync(join(root, 'tmp'), { recursive: true });
    volumes = await agent();
    await ensure(fetched('a'));
    expect(server.asked).toEqual(['GET all', 'GET all']);
  });

  test('but not where there is no source to fetch them from', async () => {
    put('/v/x.iso');
    const workload = workloadWith('a', { path: '/v/x.iso' });
    await ensure(workload);
    await volumes.taken(workload);
    await ensure(workload);
    expect(read('/v/x.iso')).toBe('by hand');
  });

  test('one that was fetched but never used is fetched anew when its source is another one now', async () => {
    await ensure(fetched('a'));
    await ensure(fetched('a', { source: server.url('/newer').href }));
    expect(server.asked).toEqual(['GET all', 'GET all']);
    await ensure(fetched('a', { source: server.url('/newer').href, sha256: sha256(CONTENT) }));
    expect(server.asked).toEqual(['GET all', 'GET all']);
  });

  test('in memory they need no marker: a reboot takes them along', async () => {
    rmSync(root, { recursive: true });
    root = mkdtempSync('/dev/shm/volumes-');
    volumes = await agent();
    await ensure(fetched('a'));
    expect(list('/v')).toEqual(['x.iso']);
  });
});

describe('one source for many', () => {
  test('volumes that want the same at one time share one download, and each hears how far it is', async () => {
    const heard: string[] = [];
    server.next = [slowly()];
    const names = ['a', 'b', 'c'];
    await Promise.all(
      names.map(name =>
        ensure(fetched(name, { path: `/v/${name}.iso` }), {
          progress: (_id, path, received, total) => {
            if (received === total) heard.push(path);
          },
        }),
      ),
    );
    expect(server.asked).toEqual(['GET all']);
    expect([...new Set(heard)].sort()).toEqual(['/v/a.iso', '/v/b.iso', '/v/c.iso']);
    expect(new Set(names.map(name => inode(`/v/${name}.iso`))).size).toBe(1);
  });

  test('a later one gets a link, after a look whether the server still has the same', async () => {
    await ensure(fetched('a'));
    await ensure(fetched('b', { path: '/v/b.iso' }));
    expect(server.asked).toEqual(['GET all', 'HEAD all']);
    expect(inode('/v/b.iso')).toBe(inode('/v/x.iso'));
    await volumes.release(fetched('a'));
    expect(read('/v/b.iso')).toBe(CONTENT.toString());
  });

  test('another file at the same URL is fetched', async () => {
    await ensure(fetched('a'));
    server.content = Buffer.from('a newer one');
    server.etag = '"newer"';
    await ensure(fetched('b', { path: '/v/b.iso' }));
    expect([read('/v/b.iso'), server.asked]).toEqual(['a newer one', ['GET all', 'HEAD all', 'GET all']]);
  });

  test('a server that is away has nothing newer', async () => {
    await ensure(fetched('a'));
    const workload = fetched('b', { path: '/v/b.iso' });
    await server.stop();
    await ensure(workload);
    expect(inode('/v/b.iso')).toBe(inode('/v/x.iso'));
    await server.start();
  });

  test('a writable one gets a copy of its own, and nobody a copy of it', async () => {
    server.content = Buffer.from(qcow2Header());
    const disk = { type: 'qcow2', writable: true } as const;
    await ensure(fetched('ro', { type: 'qcow2', path: '/v/ro' }));
    await ensure(fetched('rw', { ...disk, path: '/v/rw' }));
    expect(inode('/v/rw')).not.toBe(inode('/v/ro'));
    expect(server.asked).toEqual(['GET all', 'HEAD all']);
    await volumes.release(fetched('ro', { path: '/v/ro' }));
    await ensure(fetched('rw2', { ...disk, path: '/v/rw2' }));
    expect(server.asked).toEqual(['GET all', 'HEAD all', 'GET all']);
  });

  test('a writable one that fetches first lets the others copy before anybody writes', async () => {
    server.content = Buffer.from(qcow2Header());
    const disk = { type: 'qcow2', writable: true } as const;
    server.next = [slowly()];
    await Promise.all([
      ensure(fetched('first', { ...disk, path: '/v/first' })).then(() => {
        put('/v/first', 'written by its guest');
      }),
      ensure(fetched('second', { ...disk, path: '/v/second' })),
      ensure(fetched('third', { type: 'qcow2', path: '/v/third' })),
    ]);
    expect(server.asked).toEqual(['GET all']);
    expect(read('/v/second')).toBe(Buffer.from(qcow2Header()).toString('latin1'));
    expect(read('/v/third')).toBe(Buffer.from(qcow2Header()).toString('latin1'));
  });

  test('one that was written into is no source for others', async () => {
    await ensure(fetched('a'));
    put('/v/x.iso', 'changed');
    await ensure(fetched('b', { path: '/v/b.iso' }));
    expect([read('/v/b.iso'), server.asked]).toEqual([CONTENT.toString(), ['GET all', 'GET all']]);
  });

  test('when the one that fetches is stopped, another goes on', async () => {
    const stop = new AbortController();
    server.next = [upTo(CONTENT.length / 2, 'silence')];
    const first = failure(ensure(fetched('a'), { signal: stop.signal }));
    while (server.asked.length === 0) await new Promise(resolve => setTimeout(resolve, 1));
    const second = ensure(fetched('b', { path: '/v/b.iso' }));
    setTimeout(() => stop.abort(), 100);
    expect((await first)[0]).toBe('DOWNLOAD_FAILED');
    await second;
    expect(read('/v/b.iso')).toBe(CONTENT.toString());
    expect(server.asked).toEqual(['GET all', 'GET all']);
  });

  test('when one that waits is stopped, the others go on', async () => {
    const stop = new AbortController();
    const [first, second] = [
      ensure(fetched('a')),
      failure(ensure(fetched('b', { path: '/v/b.iso' }), { signal: stop.signal })),
    ];
    stop.abort();
    expect(await second).toEqual(['DOWNLOAD_FAILED', 'http://SERVER/isos/x.iso: stopped']);
    await first;
    expect(list('/v')).toEqual(['x.iso', 'x.iso.pxen']);
  });

  test('when the download fails, all that wait for it are told', async () => {
    server.next = [slowly(status(404))];
    const failures = await Promise.all(
      ['a', 'b'].map(name => failure(ensure(fetched(name, { path: `/v/${name}.iso` })))),
    );
    expect(failures.map(([, message]) => message)).toEqual([
      'http://SERVER/isos/x.iso: HTTP 404 Not Found',
      'http://SERVER/isos/x.iso: HTTP 404 Not Found',
    ]);
    expect([list('/v'), server.asked]).toEqual([[], ['GET all']]);
  });
});

describe('one path for two workloads', () => {
  test('read-only volumes of one source share it, also while it is fetched', async () => {
    await Promise.all([ensure(fetched('a')), ensure(fetched('b'))]);
    await ensure(fetched('c'));
    expect([list('/v'), server.asked.filter(line => line.startsWith('GET'))]).toEqual([
      ['x.iso', 'x.iso.pxen'],
      ['GET all'],
    ]);
  });

  test.each<[string, Partial<Volume>, Partial<Volume>]>([
    ['a second writer', { writable: true, type: 'qcow2' }, { writable: true, type: 'qcow2' }],
    ['a reader beside a writer', { writable: true, type: 'qcow2' }, { type: 'qcow2' }],
    ['a writer beside a reader', { type: 'qcow2' }, { writable: true, type: 'qcow2' }],
    ['another source', { type: 'qcow2' }, { type: 'qcow2', source: 'http://127.0.0.1/other' }],
    ['no source', { type: 'qcow2' }, { type: 'qcow2', source: undefined }],
  ])('%s is refused', async (_what, first, second) => {
    server.content = Buffer.from(qcow2Header());
    await ensure(fetched('a', first));
    expect(await failure(ensure(fetched('b', second)))).toEqual([
      'WORKLOAD_INVALID',
      'b: 1 problem',
      'platform.volume.0.path: got "/v/x.iso", which workload "a" (uuid-a) has, expected another path; only read-only volumes of one source can share a file',
    ]);
    await volumes.release(fetched('a', first));
    expect(exists('/v/x.iso')).toBe(false);
  });

  test('of which each is looked at for its own type', async () => {
    server.next = [slowly()];
    const [iso, disk] = await Promise.all([
      failure(ensure(fetched('a')).then(() => Promise.reject(new Error('well')))),
      failure(ensure(fetched('b', { type: 'qcow2' }))),
    ]);
    expect([iso[1], disk[1]]).toEqual([
      'well',
      'platform.volume.0.source: "http://SERVER/isos/x.iso" is no qcow2 image, and like nothing that is known here (a raw disk image?)',
    ]);
    expect(read('/v/x.iso')).toBe(CONTENT.toString());
  });

  test('the path is free again when a start has failed', async () => {
    server.next = [status(404)];
    await failure(ensure(fetched('a', { writable: true, type: 'qcow2' })));
    await ensure(fetched('b'));
  });
});

describe('paths and sizes', () => {
  test('say what is there, what the workload placed itself, and what it takes', async () => {
    put('/v/hand.iso', Buffer.alloc(8192, 'x'));
    const workload = fetched('a', {}, { path: '/v/hand.iso' }, { path: '/v/none.iso' });
    expect(await volumes.paths(workload)).toEqual({ existing: ['/v/hand.iso'], owned: [] });
    await ensure(fetched('a', {}, { path: '/v/hand.iso' }));
    expect(await volumes.paths(workload)).toEqual({
      existing: ['/v/x.iso', '/v/hand.iso'],
      owned: ['/v/x.iso'],
    });
    expect(await volumes.sizes(workload)).toEqual(
      new Map([
        [0, CONTENT.length],
        [1, 8192],
      ]),
    );
  });
});

describe('the root of the node', () => {
  test('no link leads out of it: nothing is written, deleted or read there', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'outside-'));
    writeFileSync(join(outside, 'x.iso'), 'not of this node');
    symlinkSync(outside, join(root, 'v'));
    const why = ['FORBIDDEN', '/v/x.iso leads out of ROOT'];
    expect(await failure(ensure(fetched('a')))).toEqual(why);
    expect(await failure(volumes.release(workloadWith('a', { path: '/v/x.iso' })))).toEqual(why);
    const copy = workloadWith('a', { path: '/w/x.iso', source: '/v/x.iso' });
    expect(await failure(ensure(copy))).toEqual(why);
    expect(readdirSync(outside)).toEqual(['x.iso']);
    rmSync(outside, { recursive: true });
  });

  test('no link leads to where a volume has no business: nothing there is fetched, replaced or deleted', async () => {
    put('/etc/x.iso', 'of the system');
    mkdirSync(join(root, 'tmp/pxen/u2'), { recursive: true });
    symlinkSync(join(root, 'etc'), join(root, 'v'));
    symlinkSync('tmp/pxen', join(root, 'w'));
    expect(await failure(ensure(workloadWith('a', { path: '/v/x.iso' })))).toEqual([
      'FORBIDDEN',
      '/v/x.iso leads to /etc/x.iso, expected a path outside of /etc, because volumes are written and deleted',
    ]);
    expect(await failure(ensure(fetched('a', { path: '/w/u2/x.iso' })))).toEqual([
      'FORBIDDEN',
      '/w/u2/x.iso leads to /tmp/pxen/u2/x.iso, expected a path outside of /tmp/pxen, where the state of workloads is kept',
    ]);
    expect([list('/etc'), list('/tmp/pxen/u2'), read('/etc/x.iso')]).toEqual([
      ['x.iso'],
      [],
      'of the system',
    ]);
  });

  test('a file in place of a folder', async () => {
    put('/v');
    expect(await failure(ensure(fetched('a')))).toEqual([
      'WORKLOAD_INVALID',
      '/v/x.iso: something on the way is a file and no folder',
    ]);
  });
});

describe('what an earlier agent has written', () => {
  test.each(['{', '{"uuid":"uuid-a"}', '{"uuid":"other","name":"a","volumes":[]}', ''])(
    'is left aside where it cannot be read: %j',
    async text => {
      put('/tmp/pxen/uuid-a/volumes.json', text);
      volumes = await agent();
      await ensure(fetched('a'));
      expect(said.length).toBe(text.includes('other') ? 0 : 1);
      expect(JSON.parse(read('/tmp/pxen/uuid-a/volumes.json')).volumes).toHaveLength(1);
    },
  );

  test('names that are no folders are left alone', async () => {
    put('/tmp/pxen/file', 'x');
    put('/elsewhere/volumes.json', 'x');
    symlinkSync('../../elsewhere', join(root, 'tmp/pxen/link'));
    volumes = await agent();
    expect(said).toEqual([]);
  });
});

test('a hard link that somebody else has to a volume does no harm', async () => {
  await ensure(fetched('a'));
  linkSync(join(root, 'v/x.iso'), join(root, 'v/mine.iso'));
  expect(await volumes.release(fetched('a'))).toEqual(['/v/x.iso']);
  expect(read('/v/mine.iso')).toBe(CONTENT.toString());
});

describe('what ensure would refuse', () => {
  test('is told beforehand, and nothing is changed', async () => {
    put('/v/bad.qcow2', 'text');
    const bad = fetched(
      'a',
      { path: '/v/bad.qcow2', type: 'qcow2', source: undefined },
      { path: '/v/new.iso' },
    );
    expect(await failure(volumes.refuse(bad, { starting: true }))).toEqual([
      'WORKLOAD_INVALID',
      'a: 1 problem',
      expect.stringContaining('platform.volume.0.path: "/v/bad.qcow2" is no qcow2 image'),
    ]);
    expect([list('/v'), list('/tmp/pxen'), server.asked]).toEqual([['bad.qcow2'], [], []]);
    await volumes.refuse(fetched('b'), { starting: true });
    expect([list('/v'), list('/tmp/pxen')]).toEqual([['bad.qcow2'], []]);
  });
});

describe('a workload that was downloaded and never started', () => {
  test('gives back what was brought for it, and leaves what somebody has put there', async () => {
    put('/v/by-hand.iso');
    const workload = fetched('a', {}, { path: '/v/by-hand.iso', source: undefined });
    await ensure(workload);
    volumes = await agent();
    expect(await volumes.abandon('uuid-a')).toEqual(['/v/x.iso']);
    expect([list('/v'), list('/tmp/pxen/uuid-a')]).toEqual([['by-hand.iso'], []]);
    expect(await volumes.abandon('uuid-a')).toBeUndefined();
  });

  test('leaves what another workload has, too', async () => {
    await ensure(fetched('a'));
    await ensure(fetched('b'));
    expect(await volumes.abandon('uuid-a')).toEqual([]);
    expect(await volumes.abandon('uuid-b')).toEqual(['/v/x.iso']);
  });
});

describe('disks that qemu-img makes', () => {
  const made: string[] = [];
  /** Writes what it was asked for into the file that it makes. */
  const qemuImg: Exec = async (command, args) => {
    const verb = args[0] ?? '';
    made.push(verb);
    writeFileSync(args.findLast(arg => arg.startsWith(root)) ?? '', verb);
    const rest = { signal: undefined, stdout: '', stderr: '', timedOut: false, failure: undefined };
    return { command, exitCode: 0, ...rest };
  };

  beforeEach(async () => {
    made.length = 0;
    volumes = await withQemuImg();
  });

  async function withQemuImg(): Promise<Volumes> {
    const fresh = new Volumes({ root, clock: fastClock(5), say: line => said.push(line), exec: qemuImg });
    await fresh.start();
    return fresh;
  }

  const blank = (change: Partial<Volume> = {}): Workload =>
    workloadWith('a', { path: '/v/a', type: 'qcow2', size: 4096, writable: true, format: 'raw', ...change });

  test('a persistent one outlives the node, and no other workload gets it', async () => {
    await ensure(blank({ ephemeral: false }));
    put('/v/a', 'data');
    rmSync(join(root, 'tmp'), { recursive: true });
    volumes = await withQemuImg();
    await ensure(blank({ ephemeral: false }));
    expect([read('/v/a'), made]).toEqual(['data', ['create']]);
    expect(await volumes.release(blank({ ephemeral: false }))).toEqual([]);
    const other = { ...blank({ ephemeral: false }), uuid: 'other' };
    expect((await failure(ensure(other)))[2]).toContain('which belongs to the workload with the uuid uuid-a');
  });

  test('an ephemeral one is made anew when a dead machine had it, and with another size', async () => {
    await ensure(blank());
    await volumes.taken(blank());
    await ensure(blank());
    await ensure(blank({ size: 8192 }));
    await ensure(blank({ size: 8192 }));
    expect(made).toEqual(['create', 'create', 'create']);
    expect(await volumes.release(blank())).toEqual(['/v/a']);
    expect(list('/v')).toEqual([]);
  });

  test('is taken back when another volume does not come', async () => {
    server.next = [status(404)];
    const both = fetched('a', { path: '/v/a', source: undefined, type: 'qcow2', size: 4096 }, {});
    expect((await failure(ensure(both)))[0]).toBe('DOWNLOAD_FAILED');
    expect([made, exists('/v')]).toEqual([['create'], false]);
  });

  test('an image that is to be raw is converted as it comes, and remembered by the checksum of what was served', async () => {
    server.content = Buffer.from(qcow2Header());
    const served = sha256(server.content);
    const raw = (path: string): Partial<Volume> & { path: string } => ({
      path,
      type: 'qcow2',
      format: 'raw',
    });
    await ensure(fetched('a', { ...raw('/v/a'), sha256: served }));
    await ensure(fetched('b', { ...raw('/v/b'), sha256: served }));
    expect([read('/v/a'), made, server.asked.filter(line => line.startsWith('GET'))]).toEqual([
      'convert',
      ['convert'],
      ['GET all'],
    ]);
    expect(inode('/v/a')).toBe(inode('/v/b'));
    expect(list('/v').filter(name => name.startsWith('.'))).toEqual([]);
    await ensure(fetched('c', { path: '/v/c', type: 'qcow2' }));
    expect(read('/v/c')).toBe(server.content.toString('latin1'));
  });

  describe('when the agent is killed', () => {
    const converted = (): Workload => {
      server.content = Buffer.from(qcow2Header());
      return fetched('a', { path: '/v/a', type: 'qcow2', format: 'raw' });
    };

    /** While qemu-img is at work. */
    async function killedIn(workload: Workload): Promise<void> {
      const { promise: begun, resolve: begins } = Promise.withResolvers<void>();
      const endless: Exec = async (command, args, options) => {
        await qemuImg(command, args, options);
        begins();
        return new Promise(() => {});
      };
      const doomed = new Volumes({ root, clock: fastClock(5), say: () => {}, exec: endless });
      await doomed.start();
      void doomed.ensure(workload, on());
      await begun;
      volumes = await withQemuImg();
    }

    test.each([
      ['a disk that is made', (): Workload => blank(), ['.a.pxen-part', 'a.pxen']],
      ['a persistent one', (): Workload => blank({ ephemeral: false }), ['.a.pxen-part', 'a.pxen']],
      [
        'an image that is converted',
        converted,
        ['.a.pxen-part', '.a.pxen-part.json', '.a.pxen-part.raw', 'a.pxen'],
      ],
    ])('%s is begun anew by the next start, or taken back by a stop', async (_what, workload, halves) => {
      const whole = workload();
      await killedIn(whole);
      expect(list('/v')).toEqual(halves);
      await volumes.abandon('uuid-a');
      expect(list('/v')).toEqual([]);
      await killedIn(whole);
      await ensure(whole);
      expect(list('/v')).toEqual(['a', 'a.pxen']);
      expect(made.slice(-2)).toEqual(Array(2).fill(whole.volumes[0]?.source ? 'convert' : 'create'));
    });

    test('right after the raw disk got its name, that is the disk, and what was fetched for it is not put in its place', async () => {
      const [halves, whole] = [new Map<string, Buffer>(), converted()];
      const remember: Exec = async (command, args, options) => {
        for (const path of ['/v/.a.pxen-part', '/v/.a.pxen-part.json', '/tmp/pxen/uuid-a/volumes.json'])
          halves.set(path, readFileSync(join(root, path)));
        return qemuImg(command, args, options);
      };
      const doomed = new Volumes({ root, clock: fastClock(5), say: () => {}, exec: remember });
      await doomed.start();
      await doomed.ensure(whole, on());
      for (const [path, bytes] of halves) put(path, bytes);
      volumes = await withQemuImg();
      await ensure(whole);
      expect([read('/v/a'), made]).toEqual(['convert', ['convert']]);
      expect([await volumes.release(whole), list('/v')]).toEqual([['/v/a'], []]);
    });
  });
});
