import { afterEach, describe, expect, test } from 'vitest';
import type { Verb } from '../../../../../src/api/agent.ts';
import type { WorkloadRun, WorkloadView } from '../../../../../src/api/workloads.ts';
import { asPxenError, PxenError } from '../../../../../src/base/error.ts';
import { type RunOptions, workloadRun } from '../../../../../src/cli/commands/workload/run.ts';
import { type FakePxend, fakePxend, type Play } from '../../pxend.ts';
import { screen } from '../../screen.ts';
import { KVM_HOST } from '../host/views.ts';
import { NODES, ROSE, running, TULIP, told, view } from './views.ts';

let pxend: FakePxend | undefined;
afterEach(async () => {
  await pxend?.stop();
  pxend = undefined;
});

interface Seen {
  status: number | string;
  out: string;
  err: string;
}

type Around = Parameters<typeof screen>[0];

const KNOWN = [view('web'), view('db'), running('mail')];

async function run(
  verb: Verb,
  play: Play,
  options: Partial<RunOptions> = {},
  around: Around = {},
): Promise<Seen> {
  pxend = await fakePxend({ nodes: NODES, workloads: KNOWN, hosts: [[KVM_HOST]], ...play });
  const seen = screen({ root: pxend.root, ...around });
  const asked = { workloads: ['web'], timeout: 20, dryRun: false, ...options };
  const status = await workloadRun(seen.context, verb, asked).catch((thrown: unknown) => {
    const { code, details, message } = asPxenError(thrown);
    return [`${code} ${message}`, ...details].join('\n');
  });
  return { status, out: seen.out, err: seen.err };
}

const on = (workload: string, rest: object, node: string = TULIP.id): object => ({ workload, node, ...rest });
const step = (workload: string, name: string, text: string, milliseconds?: number): object =>
  on(workload, { step: name, text, ...(milliseconds !== undefined && { milliseconds }) });
const up = (workload: string, more: object = {}): object =>
  on(workload, { done: { status: told(workload, more), argv: ['qemu-system-x86_64'] } });
const failed = (workload: string, code = 'WORKLOAD_FAILED', details: string[] = []): object =>
  on(workload, { error: { code, message: 'QEMU did not start', details } });

describe('what pxend is asked', () => {
  test.each<[string, Verb, Partial<RunOptions>, Partial<WorkloadRun>]>([
    ['a start', 'start', {}, { workloads: ['web'] }],
    ['a node by its name', 'start', { node: 'rose' }, { node: ROSE.id }],
    ['a node by one of its cards', 'download', { node: '52:54:00:77:00:02' }, { node: ROSE.id }],
    ['a libvirt host by its name', 'start', { node: 'kvm1' }, { node: KVM_HOST.id }],
    ['a libvirt host by its id', 'start', { node: '6b766d31' }, { node: KVM_HOST.id }],
    ['a uuid becomes the name', 'start', { workloads: ['uuid-db'] }, { workloads: ['db'] }],
    ['several', 'start', { workloads: ['web', 'd?'] }, { workloads: ['web', 'db'] }],
    ['the time for the guest', 'stop', { timeout: 0 }, { timeoutSeconds: 0 }],
    ['a dry run', 'start', { dryRun: true }, { dryRun: true }],
    ['a name goes out whatever its state', 'start', { workloads: ['mail'] }, { workloads: ['mail'] }],
  ])('%s', async (_, verb, options, body) => {
    await run(verb, {}, options);
    const whole = { verb, workloads: ['web'], timeoutSeconds: 20, dryRun: false, ...body };
    expect(pxend?.runs).toEqual([whole]);
  });
});

describe('a pattern means what the verb can be done to', () => {
  const states = [
    'starting',
    'running',
    'paused',
    'stopping',
    'ended',
    'stopped',
    'lost',
    'returning',
  ] as const;
  const workloads = states.map(state => view(state, { state, node: TULIP.id }));

  test.each<[Verb, string]>([
    ['download', 'starting running paused stopping ended stopped lost returning'],
    ['start', 'ended stopped lost'],
    ['stop', 'starting running paused stopping ended lost returning'],
    ['soft-stop', 'running lost'],
    ['pause', 'running lost'],
    ['resume', 'paused lost'],
    ['restart', 'running paused ended lost'],
    ['balloon', 'running paused lost'],
    ['replace', 'running lost'],
  ])('%s -w ALL: %s', async (verb, names) => {
    const { err } = await run(verb, { workloads }, { workloads: ['ALL'] });
    expect(pxend?.runs[0]?.workloads.join(' ')).toBe(names);
    const others = states.filter(state => !names.split(' ').includes(state));
    const told = others.map(state => `${state} (${state})`).join(', ');
    expect(err.split('\n')[0]).toBe(
      others.length === 0
        ? 'mesh: starting: pxend did not say how it ended; see: mesh workload status'
        : `mesh: left out: ${told}`,
    );
  });

  test('what fits but has nothing to be done is no failure, and pxend is not asked', async () => {
    expect(await run('stop', {}, { workloads: ['w*,d*'] })).toEqual({
      status: 0,
      out: '',
      err: 'mesh: left out: web (stopped), db (stopped)\n',
    });
    expect(pxend?.runs).toEqual([]);
  });

  test('with -n, only those on that node; a start may be on any', async () => {
    const there = running('b', {}, { node: ROSE.id });
    await run('pause', { workloads: [running('a'), there] }, { workloads: ['ALL'], node: 'rose' });
    expect(pxend?.runs[0]).toMatchObject({ workloads: ['b'], node: ROSE.id });
    await pxend?.stop();
    await run('start', { workloads: [view('a', { node: TULIP.id })] }, { workloads: ['ALL'], node: 'rose' });
    expect(pxend?.runs[0]).toMatchObject({ workloads: ['a'], node: ROSE.id });
    await pxend?.stop();
    expect(
      (await run('stop', { workloads: [running('a')] }, { workloads: ['*'], node: 'rose' })).status,
    ).toBe('NOT_FOUND no workload that fits is on rose');
  });
});

describe('into a file or pipe', () => {
  test.each<[string, Verb, object[], Seen]>([
    [
      'a start is one line, with the way in',
      'start',
      [step('web', 'spawn', 'QEMU runs', 12), up('web')],
      { status: 0, out: 'web: running on tulip, console port 7900\n', err: '' },
    ],
    [
      'with vnc',
      'start',
      [up('web', { console: { type: 'vnc', port: 5905 } })],
      { status: 0, out: 'web: running on tulip, VNC port 5905\n', err: '' },
    ],
    [
      'with a socket',
      'restart',
      [up('web', { console: { type: 'serial-socket', path: '/s' } })],
      { status: 0, out: 'web: running on tulip, console: mesh workload console -w web\n', err: '' },
    ],
    ['a stop', 'stop', [on('web', { done: {} })], { status: 0, out: 'web: stopped on tulip\n', err: '' }],
    [
      'a soft stop',
      'soft-stop',
      [on('web', { done: {} })],
      { status: 0, out: 'web: stopped on tulip\n', err: '' },
    ],
    [
      'a download',
      'download',
      [on('web', { progress: { volume: 0, path: '/x', received: 1 } }), on('web', { done: {} })],
      { status: 0, out: 'web: downloaded to tulip\n', err: '' },
    ],
    [
      'a pause',
      'pause',
      [up('web', { state: 'paused' })],
      { status: 0, out: 'web: paused on tulip\n', err: '' },
    ],
    [
      'a balloon',
      'balloon',
      [up('web', { guestMemory: 2 ** 28, takes: { vcpus: 1, memory: 2 ** 29 } })],
      { status: 0, out: 'web: the guest has 256 MiB of 512 MiB on tulip\n', err: '' },
    ],
    ['going on', 'resume', [up('web')], { status: 0, out: 'web: running on tulip\n', err: '' }],
    [
      'a node that has no name, and one that is not told',
      'stop',
      [on('web', { done: {} }, '11111111')],
      { status: 0, out: 'web: stopped on 11111111\n', err: '' },
    ],
    [
      'no node at all',
      'stop',
      [{ workload: 'web', done: {} }],
      { status: 0, out: 'web: stopped\n', err: '' },
    ],
    [
      'what is not as it should be',
      'start',
      [up('web', { problem: 'its tap has no carrier' })],
      {
        status: 0,
        out: 'web: running on tulip, console port 7900\n',
        err: 'mesh: web: its tap has no carrier\n',
      },
    ],
    [
      'a failure, with its details, which cannot steer the terminal',
      'start',
      [step('web', 'spawn', 'x'), failed('web', 'WORKLOAD_FAILED', ['qemu: \u001b[2J', 'more'])],
      { status: 1, out: '', err: 'mesh: web: QEMU did not start\n  qemu: ?[2J\n  more\n' },
    ],
    [
      'a failure whose sentence begins with the workload',
      'stop',
      [on('web', { error: { code: 'WORKLOAD_STATE', message: 'web is on no node', details: [] } })],
      { status: 1, out: '', err: 'mesh: web is on no node\n' },
    ],
  ])('%s', async (_, verb, lines, seen) => expect(await run(verb, { run: lines })).toEqual(seen));

  test('a volume that was replaced is named, and so is a guest that is not there yet', async () => {
    const volumes = [{ id: 1, path: '/v/b\u001b.qcow2', ephemeral: true }];
    expect(await run('replace', { run: [up('web', { volumes })] }, { volume: 1 })).toEqual({
      status: 0,
      out: 'web: volume 1 is /v/b?.qcow2 on tulip\n',
      err: '',
    });
    expect(pxend?.runs).toMatchObject([{ verb: 'replace', volume: 1 }]);
    await pxend?.stop();
    const nics = [{ id: 0, mac: '52:54:00:00:00:01', bridge: 'br1' }];
    expect((await run('replace', { run: [up('web', { nics })] }, { nic: 0 })).out).toBe(
      'web: NIC 0 is on bridge br1 on tulip\n',
    );
    await pxend?.stop();
    const asked = (bytes: number) =>
      run('balloon', { run: [up('web', { guestMemory: bytes })] }, { memory: 2 ** 28 });
    expect((await asked(2 ** 28)).err).toBe('');
    await pxend?.stop();
    expect(await asked(2 ** 29)).toEqual({
      status: 0,
      out: 'web: the guest has 512 MiB on tulip\n',
      err: 'mesh: web: asked for 256 MiB: the guest gets there in its own time, and never without a driver of its balloon\n',
    });
  });

  test('several end as they come, and one failure is a failure', async () => {
    const lines = [up('db'), failed('web', 'NO_SPACE'), on('mail', { done: {} })];
    expect(await run('start', { run: lines }, { workloads: ['web', 'db', 'mail'] })).toEqual({
      status: 1,
      out: 'db: running on tulip, console port 7900\nmail: started on tulip\n',
      err: 'mesh: web: QEMU did not start\n',
    });
  });
});

describe('exit status', () => {
  test.each<[string, object[], string[], number]>([
    ['all well', [up('web'), up('db')], ['web', 'db'], 0],
    ['one of one failed: that of its error', [failed('web', 'SERVER_DOWN')], ['web'], 69],
    ['one of one failed: that of its error', [failed('web', 'USAGE')], ['web'], 2],
    ['one of several failed', [failed('web', 'SERVER_DOWN'), up('db')], ['web', 'db'], 1],
    ['all of several failed', [failed('web', 'USAGE'), failed('db', 'USAGE')], ['web', 'db'], 1],
    ['nothing is said of one', [up('web')], ['web', 'db'], 1],
    ['nothing is said of the only one', [step('web', 'x', 'y')], ['web'], 69],
  ])('%s', async (_, lines, workloads, status) => {
    expect((await run('start', { run: lines }, { workloads })).status).toBe(status);
    await pxend?.stop();
    expect((await run('start', { run: lines }, { workloads }, { json: true })).status).toBe(status);
  });
});

describe('on a terminal', () => {
  const terminal = { columns: 100 };

  test('shows the steps of one workload as they come, with times', async () => {
    const lines = [
      step('web', 'validate', '12 keys', 3),
      step('web', 'spawn', 'QEMU runs as \u001b[2J4242', 1234),
      step('web', 'note', 'no time'),
      up('web'),
    ];
    expect(await run('start', { run: lines }, {}, { ...terminal, colours: true })).toEqual({
      status: 0,
      out: [
        'validate       3 ms  12 keys\n',
        'spawn        1.23 s  QEMU runs as ?[2J4242\n',
        'note                 no time\n',
        'web: \u001b[32mrunning\u001b[0m on tulip, console port 7900\n',
      ].join(''),
      err: '',
    });
  });

  test('marks the steps of several', async () => {
    const lines = [step('web', 'spawn', 'x', 10), step('db', 'spawn', 'y', 20), up('web'), failed('db')];
    expect(await run('start', { run: lines }, { workloads: ['web,db'] }, terminal)).toEqual({
      status: 1,
      out: [
        'web: spawn         10 ms  x\n',
        'db: spawn         20 ms  y\n',
        'web: running on tulip, console port 7900\n',
      ].join(''),
      err: 'mesh: db: QEMU did not start\n',
    });
  });

  const at = (workload: string, volume: number, received: number): object =>
    on(workload, { progress: { volume, path: `/iso/v${volume}.iso`, received, total: 1000 } });
  const ticking = (): { now: () => number } => {
    let time = 0;
    return {
      now: () => {
        time += 250;
        return time;
      },
    };
  };

  test('writes the progress of a download over and over, after a second', async () => {
    const lines = [0, 100, 200, 300, 400].map(received => at('web', 0, received));
    const seen = await run(
      'download',
      { run: [...lines, on('web', { done: {} })] },
      {},
      { ...terminal, ...ticking() },
    );
    expect(seen.out.split('\r')).toEqual([
      '',
      'v0.iso  20 %  200 B of 1000 B  200 B/s  4 s left\u001b[K',
      'v0.iso  30 %  300 B of 1000 B  200 B/s  4 s left\u001b[K',
      'v0.iso  40 %  400 B of 1000 B  200 B/s  3 s left\u001b[K',
      '\u001b[Kweb: downloaded to tulip\n',
    ]);
  });

  test('sums several downloads up, in no more than a line', async () => {
    const lines = [at('web', 0, 0), at('db', 0, 0), at('web', 0, 500), at('db', 0, 100)];
    const seen = await run(
      'download',
      { run: [...lines, step('web', 'fetch', 'v0.iso'), at('db', 0, 300)] },
      { workloads: ['web,db'] },
      { columns: 30, ...ticking() },
    );
    expect(seen.out.split('\r')).toEqual([
      '',
      '2 downloads  25 %  500 B of 2\u001b[K',
      '2 downloads  30 %  600 B of 2\u001b[K',
      '\u001b[Kweb: fetch                v0.iso\n',
      'v0.iso  30 %  300 B of 1000 B\u001b[K',
      '\u001b[K',
    ]);
  });

  test('a connection that breaks leaves no half line behind', async () => {
    const lines = [at('web', 0, 0), at('web', 0, 100), at('web', 0, 200)];
    const seen = await run('download', { run: lines, breaks: true }, {}, { columns: 0, ...ticking() });
    expect(seen.status).toBe('SERVER_DOWN pxend ended before its answer was complete');
    expect(seen.out.split('\r').at(-1)).toBe('\u001b[K');
  });
});

const PARTS = { vms: 1, vcpus: 0.5, memory: 1, devices: {}, offset: 0 };

describe('a dry run', () => {
  const argv = ['qemu-system-x86_64', '-name', "it's web", '-m', '4096M'];

  test('prints the argv alone, quoted for a shell', async () => {
    const lines = [step('web', 'validate', 'ok'), on('web', { done: { argv } })];
    const printed = "qemu-system-x86_64 -name 'it'\\''s web' -m 4096M\n";
    expect(await run('start', { run: lines }, { dryRun: true }, { columns: 80 })).toEqual({
      status: 0,
      out: printed,
      err: '',
    });
  });

  test('nothing in it steers the terminal, whatever the node says', async () => {
    const lines = [on('web', { done: { argv: ['qemu', 'a\u001b]0;x\u0007\nb'] } })];
    expect((await run('start', { run: lines }, { dryRun: true })).out).toBe("qemu 'a?]0;x??b'\n");
  });

  test('names each of several in a comment', async () => {
    const lines = [
      on('web', { done: { argv: ['qemu', 'a'] } }),
      failed('db', 'WORKLOAD_INVALID', ['f:1: x']),
    ];
    expect(await run('start', { run: lines }, { dryRun: true, workloads: ['web,db'] })).toEqual({
      status: 1,
      out: '# web\nqemu a\n',
      err: 'mesh: db: QEMU did not start\n  f:1: x\n',
    });
  });

  const costs = [
    { host: 'rose', total: 'Infinity', parts: { ...PARTS, memory: 'Infinity' } },
    { host: 'tulip', total: 3.5, parts: { ...PARTS, devices: { fpga: 1 } } },
  ];
  const reasons = ['rose: its cost function has no price for memory at 9.0 GiB'];
  const decision = (workload: string, host: string | null): object =>
    on(workload, { placement: { workload, host, node: TULIP.id, reasons, costs } });
  const TABLE = [
    '#',
    '# HOST   COST      VMS  VCPUS  MEMORY    DEVICES  OFFSET  SPREAD',
    '# rose   Infinity  1    0.5    Infinity  -        0       -',
    '# tulip  3.5       1    0.5    1         fpga 1   0       -',
    '#',
    '# rose: its cost function has no price for memory at 9.0 GiB',
  ];

  test('where it would go and why stands before the argv, so that a shell skips it', async () => {
    const lines = [decision('web', 'tulip'), on('web', { done: { argv } })];
    expect(await run('start', { run: lines }, { dryRun: true }, { columns: 80 })).toEqual({
      status: 0,
      out: ['# web goes to tulip', ...TABLE, "qemu-system-x86_64 -name 'it'\\''s web' -m 4096M", ''].join(
        '\n',
      ),
      err: '',
    });
  });

  test('what fits nowhere has its costs too', async () => {
    const lines = [decision('web', null), failed('web', 'PLACEMENT_REFUSED', reasons)];
    expect(await run('start', { run: lines }, { dryRun: true })).toEqual({
      status: 1,
      out: ['# web fits nowhere', ...TABLE, ''].join('\n'),
      err: `mesh: web: QEMU did not start\n  ${reasons[0]}\n`,
    });
  });

  test('--json has the decision with every cost by part', async () => {
    const refused = failed('db', 'PLACEMENT_REFUSED');
    const lines = [decision('web', 'tulip'), decision('db', null), on('web', { done: { argv } }), refused];
    const seen = await run('start', { run: lines }, { dryRun: true, workloads: ['web,db'] }, { json: true });
    expect(
      seen.out
        .trim()
        .split('\n')
        .map(line => JSON.parse(line)),
    ).toEqual([
      { workload: 'web', node: TULIP.id, argv, placement: { host: 'tulip', reasons, costs } },
      { ...refused, placement: { host: null, reasons, costs } },
    ]);
  });

  test('--json is the argv as a list', async () => {
    const lines = [step('web', 'validate', 'ok'), on('web', { done: { argv } }), failed('db')];
    const seen = await run('start', { run: lines }, { dryRun: true, workloads: ['web,db'] }, { json: true });
    expect(
      seen.out
        .trim()
        .split('\n')
        .map(line => JSON.parse(line)),
    ).toEqual([{ workload: 'web', node: TULIP.id, argv }, failed('db')]);
  });
});

test('--json passes the lines on as they come', async () => {
  const lines = [
    step('web', 'spawn', 'x', 1),
    on('web', { progress: { volume: 0, path: '/x', received: 1 } }),
    up('web'),
  ];
  const seen = await run('start', { run: lines }, {}, { json: true, columns: 80 });
  expect([seen.status, seen.err]).toEqual([0, '']);
  expect(
    seen.out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line)),
  ).toEqual(lines);
});

describe('what can go wrong', () => {
  test.each<[string, Play, Partial<RunOptions>, string]>([
    ['an unknown workload', {}, { workloads: ['wep'] }, 'NOT_FOUND no workload wep; did you mean web?'],
    ['an unknown node', {}, { node: 'tulib' }, 'NOT_FOUND no node tulib; did you mean tulip?'],
    ['an unknown libvirt host', {}, { node: 'kvm2' }, 'NOT_FOUND no node kvm2; did you mean kvm1?'],
    ['no such node at all', {}, { node: 'x' }, 'NOT_FOUND no node x; mesh node info lists all'],
    [
      'pxend refuses it as a whole',
      { refuse: new PxenError('WORKLOAD_INVALID', 'no', { details: ['why'] }) },
      {},
      'WORKLOAD_INVALID no\nwhy',
    ],
    [
      'pxend sends another form',
      { run: ['{"workload":5}\n'] },
      {},
      'INTERNAL pxend answered in an unknown form; are mesh and pxend of the same version?',
    ],
  ])('%s', async (_, play, options, message) =>
    expect((await run('start', play, options)).status).toBe(message),
  );

  test('what was already known stays on the screen when pxend ends', async () => {
    const known: readonly WorkloadView[] = KNOWN;
    const play = { workloads: known, run: [up('web')], breaks: true };
    expect(await run('start', play, { workloads: ['web,db'] })).toEqual({
      status: 'SERVER_DOWN pxend ended before its answer was complete',
      out: 'web: running on tulip, console port 7900\n',
      err: '',
    });
  });
});
