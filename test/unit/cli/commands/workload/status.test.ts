import { afterEach, describe, expect, test } from 'vitest';
import type { WorkloadView } from '../../../../../src/api/workloads.ts';
import { workloadStatus } from '../../../../../src/cli/commands/workload/status.ts';
import { type FakePxend, fakePxend } from '../../pxend.ts';
import { screen } from '../../screen.ts';
import { KVM_HOST } from '../host/views.ts';
import { NODES, NOW, running, view } from './views.ts';

let pxend: FakePxend | undefined;
afterEach(async () => {
  await pxend?.stop();
  pxend = undefined;
});

async function status(
  workloads: readonly WorkloadView[],
  words: string[] = [],
  around: Parameters<typeof screen>[0] = {},
): Promise<string> {
  pxend = await fakePxend({ nodes: NODES, workloads, hosts: [[KVM_HOST]] });
  const seen = screen({ root: pxend.root, ...around });
  expect(await workloadStatus(seen.context, { workloads: words })).toBe(0);
  return seen.out;
}

const FULL = running('web', {
  volumes: [
    { id: 0, path: '/tmp/boot.iso', ephemeral: true, bytes: 3 * 1024 * 1024 },
    { id: 2, path: '/data/disk.qcow2', ephemeral: false },
  ],
  nics: [
    {
      id: 0,
      mac: '52:54:00:aa:bb:cc',
      bridge: 'br0',
      tap: 'px0123456789-0',
      qos: { delay: 1500, loss: 0.5 },
    },
    { id: 1, mac: '52:54:00:aa:bb:cd' },
  ],
  usage: {
    cpuSeconds: 34.56,
    cpuPercent: 150,
    memoryBytes: 512 * 1024 * 1024,
    diskReadBytes: 1024 * 1024,
    diskWrittenBytes: 0,
    networkReceivedBytes: 2048,
    networkSentBytes: 1024,
  },
});

const SINCE = new Date(NOW - 180_000).toISOString();

describe('mesh workload status', () => {
  test('shows what the balloon has left to the guest', async () => {
    const [most, now] = [2 ** 30, 2 ** 29];
    const shown = await status(
      [running('web', { guestMemory: now, takes: { vcpus: 1, memory: most } })],
      ['web'],
    );
    expect(shown).toContain('\nguest has  512 MiB of 1.0 GiB\n');
  });

  test('shows everything that is known of a running one, and how to reach it', async () => {
    expect(await status([FULL, view('other')], ['web'])).toBe(
      [
        'workload  web (uuid-web)',
        `state     running since ${SINCE} (3 min)`,
        'node      tulip (91d5815f)',
        'wanted    running',
        'file      /var/pxen/monoliths/web.conf',
        'engine    qemu with kvm, pid 4242',
        'console   serial, port 7900; mesh workload console -w web; telnet 10.77.0.100 7900',
        'volume 0  /tmp/boot.iso, 3.0 MiB, ephemeral: deleted at the stop',
        'volume 2  /data/disk.qcow2, kept at the stop',
        'nic 0     52:54:00:aa:bb:cc, bridge br0, tap px0123456789-0, delay 1.5ms, loss 0.5 %',
        'nic 1     52:54:00:aa:bb:cd, nat',
        'cpu       150 % of one processor, 34.6 s in all',
        'memory    512 MiB',
        'disk      1.0 MiB read, 0 B written',
        'network   2.0 KiB received, 1.0 KiB sent',
        'as of     4 s ago',
        '',
      ].join('\n'),
    );
  });

  test('shows host, cost, console, devices, qos and guest agent in one record (5.7.5)', async () => {
    const placed = {
      ...running('web', {
        nics: FULL.status?.nics ?? [],
        devices: [{ id: 1, type: 'nvidia-gpu', address: '0000:01:02.0' }],
        guest: { agent: 'answers', addresses: ['192.168.7.123/24', 'fe80::1/64'] },
      }),
      ...{ host: 'kvm1', cost: 'Infinity' as const },
    };
    const shown = (await status([placed])).split('\n');
    expect(shown.filter(line => /^(host|console|nic 0|device|guest|reached)/.test(line))).toEqual([
      'host        kvm1, costs Infinity with all that is on it',
      'console     serial, port 7900; mesh workload console -w web; telnet 10.77.0.100 7900',
      'nic 0       52:54:00:aa:bb:cc, bridge br0, tap px0123456789-0, delay 1.5ms, loss 0.5 %',
      'device 1    nvidia-gpu at 0000:01:02.0',
      'guest       its agent answers, 192.168.7.123/24, fe80::1/64',
      'reached at  10.1.0.5, port 9123, for 192.168.7.123',
    ]);
  });

  test('of a host without address translation there is nothing to be reached at', async () => {
    const guest = { agent: 'silent' as const, addresses: ['192.168.7.123/24'] };
    const shown = await status([running('web', { guest }, { host: 'tulip' })]);
    expect(shown.split('\n').filter(line => /^(host|guest|reached)/.test(line))).toEqual([
      'host      tulip',
      'guest     its agent is silent, 192.168.7.123/24',
    ]);
  });

  test('shows how one ended, with its last output, which cannot steer the terminal', async () => {
    const end = {
      reason: 'QEMU ended with status 1: no disk',
      exitCode: 1,
      output: 'qemu: \u001b[1mno\u001b[0m disk\n\tat /x\n',
    };
    const ended = running('web', { state: 'ended', end, usage: { cpuSeconds: 1, memoryBytes: 1 } });
    expect(await status([ended])).toBe(
      [
        'workload  web (uuid-web)',
        `state     ended since ${SINCE} (3 min)`,
        'node      tulip (91d5815f)',
        'wanted    running',
        'file      /var/pxen/monoliths/web.conf',
        'engine    qemu with kvm',
        'ended     QEMU ended with status 1: no disk',
        'as of     4 s ago',
        '',
        'its last output:',
        '  qemu: no disk',
        '  \tat /x',
        '',
      ].join('\n'),
    );
  });

  test('never shows a lost one as running: what its node said is a memory', async () => {
    const lost = {
      ...FULL,
      state: 'lost' as const,
      desired: 'running' as const,
      reportedAt: NOW - 600_000,
      problem: 'tulip (91d5815f) does not report: it is silent',
    };
    expect(await status([lost])).toBe(
      [
        'workload  web (uuid-web)',
        'state     lost: last heard of 10 min ago',
        'node      tulip (91d5815f)',
        'wanted    running',
        'file      /var/pxen/monoliths/web.conf',
        'engine    qemu with kvm',
        'volume 0  /tmp/boot.iso, 3.0 MiB, ephemeral: deleted at the stop',
        'volume 2  /data/disk.qcow2, kept at the stop',
        'nic 0     52:54:00:aa:bb:cc, bridge br0, tap px0123456789-0, delay 1.5ms, loss 0.5 %',
        'nic 1     52:54:00:aa:bb:cd, nat',
        'problem   tulip (91d5815f) does not report: it is silent',
        'as of     10 min ago',
        '',
      ].join('\n'),
    );
  });

  test('has a block for each, and all problems of a file', async () => {
    const message = '/var/pxen/monoliths/bad.conf: uuid: is missing, expected a word';
    const problems: WorkloadView['problems'] = [
      { file: 'f', key: 'uuid', code: 'MISSING_KEY', expected: 'a word', message },
    ];
    const returning = running('back', {}, { state: 'returning', changed: true });
    expect(await status([view('bad', { uuid: undefined, problems }), returning])).toBe(
      [
        'workload  bad',
        'state     stopped',
        'node      -',
        'wanted    it was never started',
        'file      /var/pxen/monoliths/bad.conf',
        `problem   ${message}`,
        '',
        'workload  back (uuid-back)',
        'state     returning: its node came back without it, so it is being started again',
        'node      tulip (91d5815f)',
        'wanted    running',
        'file      /var/pxen/monoliths/back.conf, changed after the start',
        'as of     4 s ago',
        '',
      ].join('\n'),
    );
  });

  test.each<[string, WorkloadView, string]>([
    [
      'vnc',
      running('web', { console: { type: 'vnc', port: 5905 } }),
      'VNC, port 5905; vncviewer 10.77.0.100::5905',
    ],
    [
      'a socket',
      running('web', { console: { type: 'serial-socket', path: '/tmp/pxen/x/serial.sock' } }),
      'serial, /tmp/pxen/x/serial.sock; mesh workload console -w web',
    ],
    [
      'a node without an address',
      running('web', {}, { node: '11111111' as never }),
      'serial, port 7900; mesh workload console -w web',
    ],
  ])('says how to reach the console: %s', async (_, workload, text) => {
    expect(/^console +(.*)$/m.exec(await status([workload]))?.[1]).toBe(text);
  });

  test('--json prints what pxend sends', async () => {
    expect(JSON.parse(await status([FULL, view('b')], ['b'], { json: true }))).toEqual({
      workloads: [view('b')],
    });
  });

  test('says when there is nothing to show', async () => {
    expect(await status([])).toBe('There is no workload yet.\n');
  });
});
