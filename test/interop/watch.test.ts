import { execFile } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { overlayFolder } from '../fixtures/overlay-folder.ts';

const run = promisify(execFile);
const scratch = mkdtempSync(join(tmpdir(), 'pxen-watch-'));
const root = join(scratch, 'root');
const { chronicle, log, overlays, watch, write } = overlayFolder(root);
const at = (path: string) => join(root, path);
const MANIFEST = 'O MODE=root:root:0644 SRC=/files/motd TGT=/etc/motd\n';

beforeAll(async () => {
  write('files/motd', 'first\n');
  write('host0/machines/n1/UUID', '11111111\n');
  write('host0/machines/n1/manifest', MANIFEST);
  chronicle.tell(await overlays.build());
  await watch.start();
});
afterAll(async () => {
  await watch.stop();
  rmSync(scratch, { recursive: true, force: true });
});

const served = async (folder = 'n1'): Promise<string> => {
  const overlay = await overlays.find(folder).catch(() => undefined);
  return (overlay?.members ?? []).map(member => gunzipSync(member).toString('latin1')).join('');
};

/** Milliseconds until it is served. */
async function untilServed(text: string, folder?: string): Promise<number> {
  const began = performance.now();
  while (!(await served(folder)).includes(text)) {
    if (performance.now() - began > 2000)
      throw new Error(`${text} is not served after 2 s; log:\n${log.lines.join('\n')}`);
    await sleep(10);
  }
  return performance.now() - began;
}

let versions = 0;
const version = () => `this is version ${++versions} `;

describe('a change is served within two seconds, however it comes about', () => {
  test.each<[string, (text: string) => unknown]>([
    ['written in place', text => writeFileSync(at('files/motd'), text)],
    ['appended to', text => appendFileSync(at('files/motd'), text)],
    [
      'written beside and renamed over it',
      text => {
        writeFileSync(at('files/.motd.tmp'), text);
        renameSync(at('files/.motd.tmp'), at('files/motd'));
      },
    ],
    [
      'saved by vim: swap file, backup, new file, backup away',
      text => {
        writeFileSync(at('files/.motd.swp'), 'swap');
        writeFileSync(at('files/4913'), '');
        unlinkSync(at('files/4913'));
        renameSync(at('files/motd'), at('files/motd~'));
        writeFileSync(at('files/motd'), text);
        unlinkSync(at('files/motd~'));
        unlinkSync(at('files/.motd.swp'));
      },
    ],
    [
      'removed, and made again later',
      async text => {
        unlinkSync(at('files/motd'));
        await sleep(400);
        writeFileSync(at('files/motd'), text);
      },
    ],
    [
      'its folder removed and made again',
      text => {
        rmSync(at('files'), { recursive: true });
        write('files/motd', text);
      },
    ],
    [
      'its folder replaced by another one',
      text => {
        write('files.new/motd', text);
        renameSync(at('files'), at('files.old'));
        renameSync(at('files.new'), at('files'));
        rmSync(at('files.old'), { recursive: true });
      },
    ],
    [
      'its folder replaced by a link, and then written where that leads',
      async text => {
        write('releases/1/motd', 'a release');
        rmSync(at('files'), { recursive: true });
        symlinkSync('releases/1', at('files'));
        await untilServed('a release');
        writeFileSync(at('releases/1/motd'), text);
      },
    ],
    [
      'the link switched to another release',
      text => {
        write('releases/2/motd', text);
        symlinkSync('releases/2', at('files.next'));
        renameSync(at('files.next'), at('files'));
      },
    ],
    [
      'the machine folder removed and made again',
      text => {
        writeFileSync(at('releases/2/motd'), text);
        rmSync(at('host0/machines/n1'), { recursive: true });
        write('host0/machines/n1/UUID', '11111111\n');
        write('host0/machines/n1/manifest', MANIFEST);
      },
    ],
    [
      'all of /host0 renamed away and back',
      async text => {
        renameSync(at('host0'), at('host0.away'));
        await sleep(300);
        renameSync(at('host0.away'), at('host0'));
        await sleep(300);
        writeFileSync(at('releases/2/motd'), text);
      },
    ],
  ])('%s', async (_how, change) => {
    const text = version();
    await change(text);
    await untilServed(text);
  });

  test('two writes in one tick of the clock: the second one counts', async () => {
    for (let i = 0; i < 20; i++) {
      const [first, second] = [version(), version()];
      writeFileSync(at('releases/2/motd'), first);
      await sleep(i * 12);
      writeFileSync(at('releases/2/motd'), second);
      await untilServed(second);
    }
  });

  test('a git checkout of two hundred machines: few builds, all of them right', async () => {
    const git = (...args: string[]) =>
      run('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', '-C', at('host0'), ...args]);
    const machines = Array.from({ length: 200 }, (_, i) => `g${i}`);
    await git('init', '-q', '-b', 'main');
    await git('add', '.');
    await git('commit', '-qm', 'before');
    await git('checkout', '-qb', 'more');
    machines.forEach((name, i) => {
      write(`host0/machines/${name}/UUID`, (0x20000000 + i).toString(16));
      write(`host0/machines/${name}/manifest`, `D MODE=root:root:0755 TGT=/srv/of-${name}\n`);
    });
    await git('add', '.');
    await git('commit', '-qm', 'more');
    await untilServed('srv/of-g199', 'g199');
    await git('checkout', '-q', 'main');
    await vanished('g199');
    log.lines.length = 0;
    const began = performance.now();
    await git('checkout', '-q', 'more');
    await untilServed('srv/of-g199', 'g199');
    console.log(
      `200 machines of a git checkout served ${Math.round(performance.now() - began)} ms after its begin`,
    );
    await sleep(500);
    for (const name of machines) expect(await served(name)).toContain(`srv/of-${name}`);
    expect(log.lines.filter(line => line.startsWith('warn')).length).toBeLessThan(20);
  });
});

async function vanished(folder: string): Promise<void> {
  for (let i = 0; i < 200 && (await served(folder)) !== ''; i++) await sleep(10);
  expect(await served(folder)).toBe('');
}

test('the watch stops within a second, in the middle of a build too', async () => {
  const other = join(scratch, 'other');
  const busy = overlayFolder(other);
  for (let i = 0; i < 300; i++) {
    busy.write(`host0/machines/m${i}/UUID`, (0x30000000 + i).toString(16));
    busy.write(`host0/machines/m${i}/manifest`, '');
  }
  await busy.watch.start();
  await sleep(30);
  const began = performance.now();
  await busy.watch.stop();
  expect(performance.now() - began).toBeLessThan(1000);
});

describe('where the system sets limits', () => {
  const fixture = (name: string) => join(import.meta.dirname, '../fixtures', name);

  test('a full disk: a clear error, the old overlay stays, and the next build works', async () => {
    const place = join(scratch, 'full');
    mkdirSync(join(place, 'state'), { recursive: true });
    const script = 'mount -t tmpfs -o size=600k tmpfs "$1/state" && exec "$2" "$3" "$1"';
    const argv = ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', place];
    const { stdout } = await run('unshare', [...argv, process.execPath, fixture('full-disk.ts')]);
    const refusal =
      'STATE_UNUSABLE: ROOT/state/overlays: cannot be written, the disk is full; the overlays of before stay served';
    expect(stdout.trimEnd().split('\n')).toEqual([
      'n1 built; served: motd version 1',
      `${refusal}; served: motd version 1`,
      `${refusal}; served: motd version 1`,
      'n1 built; served: motd version 2',
    ]);
  });

  test('no inotify watch left: it is said how to raise the limit, and changes are served all the same', async () => {
    const place = join(scratch, 'few');
    const argv = ['--user', '--map-root-user', process.execPath, fixture('few-watches.ts'), place];
    const { stdout } = await run('unshare', argv);
    expect(stdout.trimEnd().split('\n')).toEqual([
      'warn overlay: not every folder can be watched, changes may take some seconds: the system has no inotify watch left; raise it: sysctl fs.inotify.max_user_watches=524288',
      'info overlay: built: n9',
    ]);
  });
});
