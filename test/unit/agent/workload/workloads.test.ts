import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Workloads } from '../../../../src/agent/workload/workloads.ts';
import { type AgentLine, type AgentRun, agentRunSchema, type Verb } from '../../../../src/api/agent.ts';
import { workloadStatusSchema } from '../../../../src/api/workload-status.ts';
import { PxenError } from '../../../../src/base/error.ts';
import type { WorkloadStatus } from '../../../../src/domain/workload/status.ts';
import { FakeNode } from '../../../fakes/qemu.ts';

let node: FakeNode;
let workloads: Workloads;

beforeEach(() => {
  node = new FakeNode();
  workloads = new Workloads(node.ports());
  workloads.start();
});
afterEach(() => node.remove());

const FILE = `name=web
uuid=w1
platform.memory.size=512M
platform.cpu.threads=1
platform.cpu.mode=qemu64
platform.volume.0.type=iso
platform.volume.0.path=/v/web.iso
platform.volume.0.source=http://host0/isos/web.iso
network.0.type=bridge
network.0.bridge=br0
`;
const CONFIG = { file: 'web.conf', text: FILE };

const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve));
/** Time passes bit by bit, so that what waits for one thing after the other comes to its end. */
async function pass(milliseconds: number): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 50) {
    await settle();
    node.clock.advance(50);
  }
  await settle();
}

/** Time passes until it comes to its end, also where it waits for the disk first. */
async function patiently<T>(work: Promise<T>): Promise<T> {
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  work.then(end, end);
  while (!isOver) await pass(50);
  return work;
}

/** The clock stands still while what needs the disk comes to its end. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!condition() && performance.now() < deadline) await settle();
  expect(condition()).toBe(true);
}

interface Told {
  readonly lines: readonly string[];
  readonly status?: WorkloadStatus | undefined;
  readonly error?: string;
  readonly details?: readonly string[];
}

/** Lines as `step: text`. */
async function command(verb: Verb, more: Partial<AgentRun> = {}): Promise<Told> {
  const lines: string[] = [];
  const tell = (line: AgentLine): void => {
    if ('step' in line) lines.push(`${line.step}: ${line.text}`.replaceAll(node.root, ''));
  };
  const given = ['start', 'download'].includes(verb) ? { config: CONFIG } : {};
  const request = agentRunSchema.parse({ verb, uuid: 'w1', ...given, ...more });
  try {
    return { lines, ...(await workloads.run(request, tell)) };
  } catch (thrown) {
    if (!(thrown instanceof PxenError)) throw thrown;
    return {
      lines,
      error: `${thrown.code}: ${thrown.message}`.replaceAll(node.root, ''),
      details: thrown.details,
    };
  }
}

const status = (): WorkloadStatus | undefined => workloads.statuses()[0];
const folder = (): string[] =>
  existsSync(join(node.root, 'tmp/pxen/w1')) ? readdirSync(join(node.root, 'tmp/pxen/w1')).sort() : [];
const output = (): string => readFileSync(join(node.root, 'tmp/pxen/w1/output.log'), 'utf8');
const taps = (): string[] =>
  readdirSync(join(node.root, 'sys/class/net')).filter(name => name.startsWith('px'));

describe('start', () => {
  test('does its steps in order and leaves a running workload', async () => {
    const { lines, status: told } = await command('start');
    const [tap = ''] = taps();
    expect(lines).toEqual([
      'validate: web can run here',
      'fetch: every volume is there',
      'check: serial-tcp on port 7900',
      'folder: /tmp/pxen/w1',
      `taps: ${tap} on br0`,
      'spawn: pid 1000',
      'handshake: QEMU answers',
      'boot: the guest runs',
    ]);
    expect(told).toEqual({
      name: 'web',
      uuid: 'w1',
      state: 'running',
      since: node.clock.now(),
      engine: 'qemu',
      accel: 'kvm',
      pid: 1000,
      console: { type: 'serial-tcp', port: 7900 },
      volumes: [{ id: 0, path: '/v/web.iso', ephemeral: true, bytes: undefined }],
      nics: [{ id: 0, mac: expect.stringMatching(/^52:54:00/), bridge: 'br0', tap }],
      takes: { vcpus: 1, memory: 512 * 1024 ** 2 },
      usage: undefined,
      end: undefined,
      problem: undefined,
    });
    expect(status()).toEqual(told);
    expect(node.volumes.log).toEqual(['ensure web', 'taken web']);
  });

  test('leaves a guest alone that shall wait for a resume, and shapes its NIC', async () => {
    node.onLaunch = qemu => {
      qemu.status = 'prelaunch';
    };
    const text = `${CONFIG.text}runtime.power-state=paused\nnetwork.0.qos.delay=20\n`;
    const told = await command('start', { config: { file: 'web.conf', text } });
    const [tap = ''] = taps();
    expect(told.lines.slice(4)).toEqual([
      `taps: ${tap} on br0`,
      `shape: ${tap}`,
      'spawn: pid 1000',
      'handshake: QEMU answers',
      'boot: the guest waits for a resume',
    ]);
    expect(node.ip).toContain(`qdisc replace root dev ${tap} netem delay 20ms`);
    expect(told.status).toMatchObject({ state: 'paused', nics: [{ tap, qos: { delay: 20_000 } }] });
    expect(node.qemu.heard).toEqual(['query-status', 'query-status']);
    expect((await command('resume')).status?.state).toBe('running');
  });

  test('gives every vsock a context id of its own, and takes it back with the workload', async () => {
    const vsock = (uuid: string, cid: string, text = CONFIG.text): ReturnType<typeof command> => {
      const own = text
        .replaceAll('w1', uuid)
        .replaceAll('web', uuid)
        .replace(/^(network|platform.volume|runtime).*\n/gm, '');
      return command('start', { uuid, config: { file: 'f', text: `${own}platform.vsock.cid=${cid}\n` } });
    };
    const given = (uuid: string): string | undefined =>
      /guest-cid=(\d+)/.exec(readFileSync(join(node.root, 'tmp/pxen', uuid, 'argv'), 'utf8'))?.[1];
    expect((await vsock('w1', 'auto')).details).toEqual([
      expect.stringContaining('platform.vsock.cid: got "auto", expected a node with a /dev/vhost-vsock'),
    ]);
    node.write('dev/vhost-vsock', '');
    const told = await Promise.all(['w1', 'w2', 'w3'].map(uuid => vsock(uuid, 'auto')));
    expect(told.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
    expect(['w1', 'w2', 'w3'].map(given).sort()).toEqual(['3', '4', '5']);
    expect((await vsock('w4', '4')).details).toEqual([
      expect.stringMatching(/vsock\.cid: got "4", expected one that no other/),
    ]);
    await command('stop', { uuid: 'w2' });
    await vsock('w5', 'auto');
    expect(given('w5')).toBe('4');
  });

  test('takes a guest back that runs though it shall wait, and what tc refuses', async () => {
    const paused = { file: 'web.conf', text: `${CONFIG.text}runtime.power-state=paused\n` };
    expect((await command('start', { config: paused })).error).toBe(
      'WORKLOAD_FAILED: web: its guest runs already',
    );
    node.ipRefuses = /netem/;
    const shaped = { file: 'web.conf', text: `${CONFIG.text}network.0.qos.loss=1\n` };
    expect((await command('start', { config: shaped })).error).toMatch(
      /^WORKLOAD_FAILED: px.*: cannot be shaped: tc: /,
    );
    expect(taps()).toEqual([]);
  });

  test('lets a guest go that waits before its first instruction', async () => {
    node.onLaunch = qemu => {
      qemu.status = 'prelaunch';
    };
    expect((await command('start')).status?.state).toBe('running');
    expect(node.qemu.heard).toEqual(['query-status', 'query-status', 'cont', 'query-status']);
  });

  test('a status is there while files are fetched, and only one start runs', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    node.volumes.fetch = () => promise;
    const start = command('start');
    await settle();
    expect(workloadStatusSchema.parse(status())).toMatchObject({
      state: 'starting',
      console: { type: 'serial-tcp' },
    });
    expect((await command('start')).error).toMatch(/^WORKLOAD_BUSY: w1: cannot start/);
    resolve();
    expect((await start).status?.state).toBe('running');
    expect((await command('start')).error).toBe('WORKLOAD_STATE: web: runs already on this node (pid 1000)');
  });

  test.each<[string, () => void, string, string[]]>([
    [
      'the files cannot be fetched',
      () => {
        node.volumes.fetch = async () => {
          throw new PxenError('DOWNLOAD_FAILED', 'http://host0/isos/web.iso: 404');
        };
      },
      'DOWNLOAD_FAILED: http://host0/isos/web.iso: 404',
      ['ensure web'],
    ],
    [
      'ip refuses',
      () => {
        node.ipRefuses = /master/;
      },
      'WORKLOAD_FAILED: TAP: cannot be made: ip: RTNETLINK answers: Operation not permitted',
      ['ensure web', 'undo web'],
    ],
    [
      'the shell cannot be started',
      () => {
        node.onLaunchFailure = new PxenError('WORKLOAD_FAILED', 'spawn /bin/sh EAGAIN');
      },
      'WORKLOAD_FAILED: web: spawn /bin/sh EAGAIN',
      ['ensure web', 'undo web'],
    ],
    [
      'QEMU ends at once',
      () => {
        node.onLaunch = qemu => {
          qemu.hangs = true;
          qemu.say('qemu: no such machine\n');
          qemu.end(1);
        };
      },
      'WORKLOAD_FAILED: web: QEMU ended at once',
      ['ensure web', 'undo web'],
    ],
    [
      'the guest cannot run',
      () => {
        node.onLaunch = qemu => {
          qemu.status = 'internal-error';
        };
      },
      'WORKLOAD_FAILED: web: QEMU stopped the guest: it could not go on running it (internal-error)',
      ['ensure web', 'undo web'],
    ],
  ])('takes everything back when %s', async (_what, spoil, error, volumes) => {
    spoil();
    const told = await command('start');
    expect(told.error?.replace(/px[0-9a-f]+-0/, 'TAP')).toBe(error);
    expect(node.volumes.log).toEqual(volumes);
    expect([taps(), folder(), workloads.statuses(), node.qemus.filter(qemu => qemu.isAlive)]).toEqual([
      [],
      ['output.log'],
      [],
      [],
    ]);
    expect(output().split('\n').at(-2)).toBe(`pxen: ${told.error}`);
    node.onLaunch = () => {};
    [node.ipRefuses, node.onLaunchFailure] = [undefined, undefined];
    node.volumes.fetch = async () => {};
    const again = await command('start');
    expect(again.status).toMatchObject({ state: 'running', console: { port: 7900 } });
    expect(output()).toBe('');
  });

  test('quotes QEMU in the error and keeps its words in output.log', async () => {
    node.onLaunch = qemu => {
      qemu.hangs = true;
      qemu.say('qemu: one\nqemu: two\n');
      qemu.end(1);
    };
    expect((await command('start')).details).toEqual(['QEMU: qemu: one', 'QEMU: qemu: two']);
    expect(output()).toBe('qemu: one\nqemu: two\npxen: WORKLOAD_FAILED: web: QEMU ended at once\n');
  });

  test('is refused with all that the node lacks, in output.log too, and nothing is fetched', async () => {
    const text = FILE.replace('br0', 'br7').replace('512M', '2G').replace('cpu.threads=1', 'cpu.threads=8');
    const { details, error } = await command('start', { config: { file: 'web.conf', text } });
    expect(error).toBe('WORKLOAD_INVALID: web.conf: 3 problems');
    expect(details?.map(line => line.split(':').slice(0, 3).join(':'))).toEqual([
      'web.conf:3: platform.memory.size',
      'web.conf:4: platform.cpu.threads',
      'web.conf:10: network.0.bridge',
    ]);
    expect(output()).toBe([error, ...(details ?? [])].map(line => `pxen: ${line}\n`).join(''));
    expect(node.volumes.log).toEqual([]);
  });

  test('two at once get two ports', async () => {
    const other = {
      uuid: 'w2',
      config: { file: 'v.conf', text: FILE.replace('name=web', 'name=v').replace('uuid=w1', 'uuid=w2') },
    };
    const both = await Promise.all([command('start'), command('start', other)]);
    expect(both.map(told => told.status?.console.port).sort()).toEqual([7900, 7901]);
  });

  test('tried dry tells the command and changes nothing', async () => {
    expect(await command('start', { dryRun: true })).toEqual({
      lines: [],
      argv: expect.arrayContaining(['qemu-system-x86_64', 'guest=web']),
    });
    expect([node.qemus, node.volumes.log, folder()]).toEqual([[], [], []]);
    expect((await command('stop', { dryRun: true })).error).toBe(
      'BAD_REQUEST: stop cannot be tried dry, only start can',
    );
  });

  test.each([
    ['../../etc', /^BAD_REQUEST: uuid: got "..\/..\/etc", expected a name without \/$/],
    ['..', /^BAD_REQUEST: uuid/],
    ['w9', /^BAD_REQUEST: web.conf is the file of "w1", not of "w9"$/],
  ])('refuses the uuid %s', async (uuid, expected) => {
    expect((await command('start', { uuid })).error).toMatch(expected);
  });
});

describe('stop', () => {
  test('asks the guest, and clears everything away', async () => {
    await command('start');
    const stop = await command('stop');
    expect(stop.lines).toEqual(['shutdown: the guest shut down', 'clear: deleted /v/web.iso']);
    expect([workloads.statuses(), folder(), taps(), node.volumes.log]).toEqual([
      [],
      [],
      [],
      ['ensure web', 'taken web', 'release web'],
    ]);
    expect((await command('stop')).error).toBe('WORKLOAD_STATE: w1: does not run on this node');
  });

  test('presses the button again and again, then tells QEMU to quit', async () => {
    await command('start');
    node.qemu.obeys = false;
    const stop = command('stop', { timeoutSeconds: 12 });
    await pass(11_000);
    expect(status()?.state).toBe('stopping');
    await pass(1000);
    expect((await stop).lines).toEqual([
      'shutdown: the guest did not shut down within 12 s',
      'quit: QEMU quit',
      'clear: deleted /v/web.iso',
    ]);
    expect(node.qemu.heard.filter(name => !name.startsWith('query'))).toEqual([
      'system_powerdown',
      'system_powerdown',
      'system_powerdown',
      'quit',
    ]);
  });

  test('kills a QEMU that hangs', async () => {
    await command('start');
    node.qemu.hangs = true;
    const stop = command('stop');
    await pass(1000); // It may be ending just then.
    await pass(5100);
    expect((await stop).lines).toEqual([
      'shutdown: QEMU did not answer system_powerdown within 2 s',
      'quit: QEMU did not quit within 5 s',
      'kill: killed QEMU',
      'clear: deleted /v/web.iso',
    ]);
  });

  test('says so when even that is no use, and the workload is still there', async () => {
    await command('start');
    [node.qemu.hangs, node.qemu.isStuck] = [true, true];
    const stop = command('stop', { timeoutSeconds: 0 });
    await pass(11_000);
    expect((await stop).error).toBe(
      'WORKLOAD_FAILED: web: QEMU (pid 1000) does not end, not even by SIGKILL',
    );
    expect(status()?.state).toBe('running');
  });

  test('resumes a paused guest so that it can shut down; without patience nothing of it runs again', async () => {
    await command('start');
    await command('pause');
    expect((await command('stop')).lines[0]).toBe('shutdown: resumed the guest, and it shut down');
    await command('start');
    await command('pause');
    expect((await command('stop', { timeoutSeconds: 0 })).lines).toEqual([
      'quit: QEMU quit',
      'clear: deleted /v/web.iso',
    ]);
    expect(node.qemu.heard).not.toContain('cont');
  });

  test('calls off a start that is under way', async () => {
    node.volumes.fetch = on =>
      new Promise((_, reject) => on.signal.addEventListener('abort', () => reject(on.signal.reason)));
    const start = command('start');
    await settle();
    expect((await command('stop')).lines).toEqual(['call-off: called off what was under way']);
    expect((await start).error).toBe('WORKLOAD_STATE: called off: the workload was stopped meanwhile');
    expect([workloads.statuses(), folder()]).toEqual([[], ['output.log']]);
  });

  test('that cannot clear everything away leaves a workload that ended, and can be tried again', async () => {
    await command('start');
    node.ipRefuses = /delete/;
    expect((await command('stop')).error).toMatch(/^WORKLOAD_FAILED: px[0-9a-f]+-0: cannot be removed/);
    expect(status()).toMatchObject({ state: 'ended', end: { reason: 'the guest shut down' } });
    node.ipRefuses = undefined;
    expect((await command('stop')).lines).toEqual(['clear: deleted /v/web.iso']);
    expect(workloads.statuses()).toEqual([]);
  });
});

describe('soft-stop', () => {
  test('ends a guest that listens', async () => {
    await command('start');
    expect((await command('soft-stop')).lines).toEqual([
      'shutdown: the guest shut down',
      'clear: deleted /v/web.iso',
    ]);
  });

  test('leaves one alone that does not', async () => {
    await command('start');
    node.qemu.obeys = false;
    const stop = command('soft-stop', { timeoutSeconds: 3 });
    await pass(3100);
    expect((await stop).error).toBe(
      'TIMEOUT: web: its guest did not shut down within 3 s; it goes on running',
    );
    expect([status()?.state, node.qemu.heard.includes('quit')]).toEqual(['running', false]);
  });

  test('is no use for a paused one, and needs some time', async () => {
    await command('start');
    expect((await command('soft-stop', { timeoutSeconds: 0 })).error).toBe(
      'BAD_REQUEST: timeoutSeconds: got 0, expected more',
    );
    await command('pause');
    expect((await command('soft-stop')).error).toBe(
      'WORKLOAD_STATE: web: is paused, and so cannot shut down; resume it first',
    );
  });
});

describe('pause, resume, restart', () => {
  test('change the state and refuse where it is that already', async () => {
    await command('start');
    expect((await command('resume')).error).toBe('WORKLOAD_STATE: web: runs already');
    const paused = await command('pause');
    expect([paused.lines, paused.status?.state]).toEqual([['pause: it is paused'], 'paused']);
    expect((await command('pause')).error).toBe('WORKLOAD_STATE: web: is paused already');
    expect((await command('resume')).status?.state).toBe('running');
    expect((await command('pause', { uuid: 'w2' })).error).toBe(
      'WORKLOAD_STATE: w2: does not run on this node',
    );
  });

  test('a restart judges the file before it stops anything', async () => {
    await command('start');
    const refused = await command('restart', { config: { file: 'web.conf', text: 'name=web\n' } });
    expect(refused.error).toMatch(/^WORKLOAD_INVALID: web.conf: \d problems$/);
    expect(status()).toMatchObject({ state: 'running', pid: 1000 });
    const again = await command('restart');
    expect(again.lines.map(line => line.split(':')[0])).toEqual([
      ...['shutdown', 'clear'],
      ...['validate', 'fetch', 'check', 'folder', 'taps', 'spawn', 'handshake', 'boot'],
    ]);
    expect(again.status?.pid).toBe(1001);
  });

  test('a restart of what does not run is a start, when there is a file', async () => {
    expect((await command('restart')).error).toBe('WORKLOAD_STATE: w1: does not run on this node');
    expect((await command('restart', { config: CONFIG })).status?.state).toBe('running');
  });
});

describe('balloon', () => {
  const MEBI = 1024 ** 2;
  const ballooned = { config: { file: 'web.conf', text: `${FILE}platform.balloon=fixed\n` } };

  test('tells what the guest has, and changes it', async () => {
    const started = await command('start', ballooned);
    expect(started.status?.guestMemory).toBeUndefined();
    expect(await command('balloon')).toMatchObject({
      lines: ['balloon: the guest has 512 MiB'],
      status: { guestMemory: 512 * MEBI },
    });
    const less = await command('balloon', { memory: 256 * MEBI });
    expect([less.lines, less.status?.guestMemory]).toEqual([['balloon: the guest has 256 MiB'], 256 * MEBI]);
    node.qemu.guestMemory = 300 * MEBI;
    await workloads.refresh();
    expect(workloadStatusSchema.parse(status()).guestMemory).toBe(300 * MEBI);
  });

  test('does not wait long for a guest without a driver', async () => {
    await command('start', ballooned);
    node.qemu.hasBalloonDriver = false;
    const asked = command('balloon', { memory: 256 * MEBI });
    await pass(6000);
    expect((await asked).lines).toEqual(['balloon: the guest has 512 MiB']);
  });

  test('is refused without one, in pause, and for a size that makes no sense', async () => {
    await command('start');
    expect(await command('balloon')).toEqual({
      lines: [],
      error: 'WORKLOAD_STATE: web: has no balloon: it was started without platform.balloon',
      details: ['platform.balloon=deflate-on-oom in its file gives it one when it is started the next time'],
    });
    expect(node.qemu.heard).not.toContain('query-balloon');
    await command('stop');
    expect((await command('balloon')).error).toBe('WORKLOAD_STATE: w1: does not run on this node');
    await command('start', ballooned);
    expect((await command('balloon', { memory: 1024 * MEBI })).error).toBe(
      'BAD_REQUEST: web: balloon: got 1073741824 bytes, expected at most 512M, which is its platform.memory.size',
    );
    await command('pause');
    expect((await command('balloon', { memory: 256 * MEBI })).error).toBe(
      'WORKLOAD_STATE: web: is paused, and so cannot give memory back or take it; resume it first',
    );
    expect((await command('balloon')).status?.guestMemory).toBe(512 * MEBI);
  });
});

describe('replace', () => {
  const other = { file: 'web.conf', text: FILE.replaceAll('web.iso', 'new.iso') };
  const replace = (more: Partial<AgentRun> = {}): Promise<Told> =>
    command('replace', { config: other, volume: 0, ...more });
  const resolved = (): string => readFileSync(join(node.root, 'tmp/pxen/w1/resolved.json'), 'utf8');

  test('fetches, swaps, remembers and clears away', async () => {
    await command('start');
    const { lines, status: told } = await replace();
    expect(lines).toEqual([
      'fetch: /v/new.iso is there',
      'swap: volume 0 is /v/new.iso',
      'clear: deleted /v/web.iso',
    ]);
    expect(told?.volumes).toEqual([{ id: 0, path: '/v/new.iso', ephemeral: true, bytes: undefined }]);
    expect(node.qemu.medium).toBe(join(node.root, 'v/new.iso'));
    expect(node.volumes.log.slice(2)).toEqual(['ensure web', 'taken web', 'drop web /v/web.iso']);
    await workloads.stop();
    workloads = new Workloads(node.ports());
    workloads.start();
    expect(status()?.volumes).toEqual([{ id: 0, path: '/v/new.iso', ephemeral: true }]);
    expect((await command('stop')).lines.at(-1)).toBe('clear: deleted /v/new.iso');
  });

  test('what else is new in the file waits for the next start', async () => {
    await command('start');
    const text = other.text.replace('512M', '256M');
    expect((await replace({ config: { ...other, text } })).status?.takes?.memory).toBe(512 * 1024 ** 2);
    expect(resolved()).toContain('platform.memory.size=512M');
  });

  test('a guest that keeps its disc has it after that, and nothing is left of the other one', async () => {
    await command('start');
    const before = resolved();
    node.qemu.keepsMedium = true;
    expect(await patiently(replace({ timeoutSeconds: 1 }))).toMatchObject({
      lines: ['fetch: /v/new.iso is there'],
      error: 'TIMEOUT: web: volume 0: its guest did not give the disc up within 1 s; it keeps it',
    });
    expect([resolved(), status()?.volumes[0]?.path]).toEqual([before, '/v/web.iso']);
    expect(node.volumes.log.slice(2)).toEqual(['ensure web', 'undo web']);
  });

  test('a node that cannot write down what it has now gets the old one back', async () => {
    await command('start');
    node.volumes.taken = async () => {
      throw new PxenError('NO_SPACE', 'volumes.json: the file system is full');
    };
    const before = resolved();
    expect((await replace()).error).toBe('NO_SPACE: volumes.json: the file system is full');
    expect([node.qemu.medium, resolved(), status()?.volumes[0]?.path]).toEqual([
      join(node.root, 'v/web.iso'),
      before,
      '/v/web.iso',
    ]);
  });

  test('what cannot even be put back is told of, and its file stays', async () => {
    await command('start');
    node.qemu.keepsNext = true;
    node.volumes.taken = async () => {
      throw new PxenError('NO_SPACE', 'volumes.json: the file system is full');
    };
    expect((await patiently(replace({ timeoutSeconds: 1 }))).error).toBe(
      'NO_SPACE: volumes.json: the file system is full',
    );
    expect(status()?.problem).toBe(
      'volume 0: it has /v/new.iso, and cannot have /v/web.iso back: its guest did not give the disc up within 1 s; it keeps it',
    );
    expect(node.volumes.log.slice(2)).toEqual(['ensure web']);
  });

  test('is called off by a stop while it fetches', async () => {
    await command('start');
    node.volumes.fetch = ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const asked = replace();
    await settle();
    expect((await command('stop')).lines).toContain('call-off: called off what was under way');
    expect((await asked).error).toBe('WORKLOAD_STATE: called off: the workload was stopped meanwhile');
    expect(status()).toBeUndefined();
  });

  test.each<[string, () => Promise<Told>, string, string[]]>([
    [
      'without a number',
      () => replace({ volume: undefined }),
      'BAD_REQUEST: replace needs the number of a volume (volume) or of a NIC (nic)',
      [],
    ],
    [
      'of a volume that there is not',
      () => replace({ volume: 3 }),
      'WORKLOAD_STATE: web: volume 3 cannot be replaced while it runs',
      ['platform.volume.3: it was started without one; a restart brings it'],
    ],
    [
      'with a bad file',
      () => replace({ config: { file: 'f', text: 'platform.volume.0.path=x' } }),
      'WORKLOAD_INVALID: f: 2 problems',
      [
        expect.stringContaining('platform.volume.0.path: got "x"'),
        expect.stringContaining('platform.volume.0.type'),
      ],
    ],
    [
      'in pause',
      () => command('pause').then(() => replace()),
      'WORKLOAD_STATE: web: is paused, and so its guest cannot give a volume up; resume it first',
      [],
    ],
    [
      'of what does not run',
      () => replace({ uuid: 'w2' }),
      'WORKLOAD_STATE: w2: does not run on this node',
      [],
    ],
  ])('%s is refused', async (_, act, error, details) => {
    await command('start');
    expect(await act()).toEqual({ lines: [], error, details });
    expect(node.volumes.log.slice(2)).toEqual([]);
  });

  test('puts a NIC onto another bridge, which a later agent knows', async () => {
    node.write('sys/class/net/br1/mtu', '1400\n');
    await command('start');
    const [tap = ''] = taps();
    node.ip.length = 0;
    const wired = (bridge: string, more = ''): Promise<Told> =>
      command('replace', { config: { file: 'f', text: `${FILE.replace('br0', bridge)}${more}` }, nic: 0 });
    const { lines, status: told } = await wired('br1', 'network.0.qos.delay=20\n');
    expect([lines, told?.nics]).toMatchObject([
      [`move: ${tap} on br1`],
      [{ bridge: 'br1', tap, qos: { delay: 20_000 } }],
    ]);
    expect(node.ip.filter(Boolean)).toEqual([
      `link set dev ${tap} mtu 1400 master br1`,
      `qdisc replace root dev ${tap} netem delay 20ms`,
    ]);
    expect((await wired('br9')).details).toEqual([
      expect.stringMatching(/network\.0\.bridge: got "br9", expected a bridge that is in/),
    ]);
    await workloads.stop();
    workloads = new Workloads(node.ports());
    workloads.start();
    expect(status()?.nics).toMatchObject([{ bridge: 'br1', qos: { delay: 20_000 } }]);
    node.ip.length = 0;
    expect((await wired('br0')).status?.nics).toEqual([
      { id: 0, mac: expect.any(String), bridge: 'br0', tap },
    ]);
    expect(node.ip.filter(Boolean)).toEqual([
      `link set dev ${tap} mtu 9000 master br0`,
      `qdisc del dev ${tap} root`,
    ]);
  });

  test('a NIC that cannot move is where it was', async () => {
    node.write('sys/class/net/br1/mtu', '1400\n');
    await command('start');
    const [tap = ''] = taps();
    const before = resolved();
    node.ipRefuses = /master br1/;
    const asked = { config: { file: 'f', text: FILE.replace('br0', 'br1') }, nic: 0 };
    expect((await command('replace', asked)).error).toMatch(/^WORKLOAD_FAILED: px.*: cannot be moved: ip: /);
    expect([resolved(), status()?.nics[0]?.bridge]).toEqual([before, 'br0']);
    expect(node.ip.filter(Boolean).at(-1)).toBe(`link set dev ${tap} mtu 9000 master br0`);
  });

  test('an engine that cannot do it says what can', async () => {
    node.write('boot/vmlinux', 'x');
    const text = `${FILE.replace('qemu64', 'host').replace('=iso', '=qcow2')}platform.volume.0.format=raw
platform.engine=stratovirt
platform.kernel.image=/boot/vmlinux
platform.kernel.append=root=/dev/vda
`;
    expect((await command('start', { config: { file: 'f', text } })).details).toBeUndefined();
    expect(await replace({ config: { file: 'f', text: text.replaceAll('web.iso', 'new.iso') } })).toEqual({
      lines: [],
      error:
        'WORKLOAD_STATE: web: volume 0 cannot be replaced while it runs: with StratoVirt they stay until the next start',
      details: ['a restart takes over what its file says'],
    });
  });
});

describe('a workload that lives its life', () => {
  beforeEach(async () => {
    await command('start');
    node.changes = 0;
  });

  test('is seen to pause and to be in trouble, each time at once', () => {
    node.qemu.emit('BLOCK_IO_ERROR', {
      device: 'vol0',
      operation: 'write',
      action: 'stop',
      reason: 'No space left on device',
    });
    node.qemu.emit('STOP');
    expect(status()).toMatchObject({
      state: 'paused',
      problem: 'vol0: write failed: No space left on device; QEMU paused the guest until it is resumed',
    });
    node.qemu.emit('RESUME');
    expect(status()).toMatchObject({ state: 'running', problem: undefined });
    expect(node.changes).toBe(4);
  });

  test('ends by itself: its status stays, its interfaces do not', async () => {
    node.qemu.say('goodbye\n');
    node.qemu.shutDown('guest-shutdown');
    await until(() => status()?.state === 'ended');
    expect(status()).toMatchObject({
      state: 'ended',
      pid: undefined,
      end: { reason: 'the guest shut down', exitCode: 0, output: 'goodbye\n' },
    });
    expect([taps(), node.said]).toEqual([[], ['web ended: the guest shut down']]);
    expect(workloadStatusSchema.safeParse(status()).success).toBe(true);
    expect((await command('pause')).error).toBe(
      'WORKLOAD_STATE: web: does not run any more: the guest shut down',
    );
    const again = await command('start');
    expect(again.lines[1]).toBe('clear: cleared away what the last run left, /v/web.iso');
    expect(again.status?.state).toBe('running');
  });

  test('is found dead when its monitor says nothing', async () => {
    node.qemu.isAlive = false;
    writeFileSync(join(node.root, 'tmp/pxen/w1/exit'), '139\n');
    await pass(2000);
    await until(() => status()?.state === 'ended');
    expect(status()?.end?.reason).toBe('QEMU was ended by signal SIGSEGV');
  });

  test('whose monitor breaks off is in trouble until there is a new connection', async () => {
    node.qemu.hangs = true;
    node.qemu.disconnect();
    await pass(1000);
    expect(status()?.problem).toBeUndefined();
    await pass(1100);
    expect(status()?.problem).toMatch(/^QEMU does not answer: .*qmp.sock: connecting was given up$/);
    node.qemu.hangs = false;
    await pass(2000);
    expect(status()).toMatchObject({ state: 'running', problem: undefined });
  });

  test('whose monitor has just broken off is stopped by its guest all the same, and not killed', async () => {
    node.qemu.disconnect();
    const { lines } = await command('stop');
    expect(lines.map(line => line.split(':')[0])).toEqual(['shutdown', 'clear']);
  });

  test('shows what it uses, and that QEMU hangs', async () => {
    await workloads.refresh();
    expect(status()).toMatchObject({
      usage: {
        cpuSeconds: 2,
        memoryBytes: 409_600,
        diskReadBytes: 4096,
        diskWrittenBytes: 512,
        networkReceivedBytes: 0,
      },
      volumes: [{ id: 0, bytes: 1024 }],
    });
    node.qemu.hangs = true;
    await pass(10_000);
    expect(status()).toMatchObject({
      problem: 'QEMU does not answer: QEMU did not answer query-blockstats within 2 s',
    });
    node.qemu.hangs = false;
    await pass(10_000);
    expect(status()?.problem).toBeUndefined();
  });

  test('is found again by the next agent, alive or dead', async () => {
    await command('pause');
    await workloads.stop();
    expect(node.qemu.isAlive).toBe(true);
    const next = new Workloads(node.ports());
    next.start();
    expect(next.statuses()).toMatchObject([{ state: 'running', pid: 1000, nics: [{ tap: taps()[0] }] }]);
    await pass(100);
    expect(next.statuses()).toMatchObject([{ state: 'paused' }]);
    await next.stop();
    node.qemu.end(137);
    const last = new Workloads(node.ports());
    last.start();
    await settle();
    expect(last.statuses()).toMatchObject([{ state: 'ended', end: { signal: 'SIGKILL' } }]);
    await until(() => taps().length === 0);
  });
});

test('a download fetches and leaves nothing behind when it fails', async () => {
  expect((await command('download')).lines).toEqual(['fetch: every volume is there']);
  node.volumes.fetch = async () => {
    node.write('tmp/pxen/w1/leftover', '');
    throw new PxenError('DOWNLOAD_FAILED', 'gone');
  };
  expect((await command('download')).error).toBe('DOWNLOAD_FAILED: gone');
  expect([folder(), workloads.statuses()]).toEqual([[], []]);
  expect((await command('download', { config: undefined })).error).toBe(
    "BAD_REQUEST: download needs the workload's file (config)",
  );
});

test('an agent that ends calls off what is under way and leaves no timer', async () => {
  node.volumes.fetch = on =>
    new Promise((_, reject) => on.signal.addEventListener('abort', () => reject(on.signal.reason)));
  const start = command('start');
  await settle();
  await workloads.stop();
  expect((await start).error).toBe('SERVER_DOWN: the agent of the node is ending; try again when it is back');
  expect([node.clock.waiting, folder()]).toEqual([0, ['output.log']]);
});
