import { describe, expect, test } from 'vitest';
import { lookCommand, parseLook, wrapped } from '../../../../../src/domain/vm/libvirt/look.ts';
import { domainLife } from '../../../../../src/domain/vm/libvirt/states.ts';
import { complaintOf, DOMAIN, isNoDomain, STORAGE } from '../../../../../src/domain/vm/libvirt/virsh.ts';

const A = '4400c981-174c-5af0-a009-873767aa0bbc';
const B = '11111111-2222-4333-8444-555555555555';

/** As virsh 9.0 prints it. */
const PRINTED = `@pxen ${A}
Domain: 'web'
  state.state=1
  state.reason=1
  cpu.time=430000000
  balloon.rss=50856
  net.count=2
  net.0.name=px5c7e5443b0-0
  net.0.rx.bytes=110
  net.0.tx.bytes=7
  net.1.rx.bytes=1000
  block.count=2
  block.0.path=/srv/state.state=5
  block.0.rd.bytes=10240
  block.0.wr.bytes=0
  block.1.rd.bytes=1
  iothread.1.poll-max-ns=32768

<workload uuid="lv-web">
  <tag key="role">router</tag>
  <run>${wrapped('{"a": "<&>\n%41 @pxen"}')}</run>
</workload>

@pxen ${B}
Domain: 'somebody else's'
  state.state=5
  state.reason=2
  vcpu.current=1

@pxen 00000000-0000-4000-8000-000000000000
@pxen
`;

test('a look tells state, use and mark of each domain; one that is gone is left out', () => {
  expect(parseLook(PRINTED)).toEqual([
    {
      uuid: A,
      life: { state: 'running' },
      usage: {
        cpuSeconds: 0.43,
        memoryBytes: 50_856 * 1024,
        diskReadBytes: 10_241,
        diskWrittenBytes: 0,
        networkReceivedBytes: 1110,
        networkSentBytes: 7,
      },
      mark: { workload: 'lv-web', run: '{"a": "<&>\n%41 @pxen"}' },
    },
    { uuid: B, life: { state: 'ended', end: 'somebody destroyed it through libvirt' }, usage: undefined },
  ]);
});

test.each([
  ['<workload uuid="w"/>', { workload: 'w', run: undefined }],
  [
    "<pxen:workload xmlns:pxen='urn:pxen:workload' control-ip='1.2.3.4' uuid='w'/>",
    { workload: 'w', run: undefined },
  ],
  ['<workload uuid="w"><run>%E0%A4%A</run></workload>', { workload: 'w', run: undefined }],
  ['<workload uuid="not a uuid/.."/>', undefined],
  ['<workload uuid=""/>', undefined],
  ['', undefined],
])('the mark in %j', (metadata, mark) => {
  const [sight] = parseLook(`@pxen ${A}\n  state.state=1\n${metadata}\n`);
  expect(sight?.mark).toEqual(mark);
});

test('one run of virsh asks for all of them, and ends well though one is gone', () => {
  expect(lookCommand([A, B])).toEqual([
    ...['env', 'LC_ALL=C', 'virsh', '--connect', 'qemu:///system'],
    `echo @pxen ${A}; domstats --raw ${A}; metadata ${A} urn:pxen:workload; ` +
      `echo @pxen ${B}; domstats --raw ${B}; metadata ${B} urn:pxen:workload; echo @pxen`,
  ]);
});

test.each([
  [0, 0, { state: 'starting' }],
  [1, 5, { state: 'running' }],
  [2, 0, { state: 'running' }],
  [3, 1, { state: 'paused', problem: undefined }],
  [3, 5, { state: 'paused', problem: 'its disk has an I/O error: see the log' }],
  [3, 99, { state: 'paused', problem: undefined }],
  [4, 1, { state: 'stopping' }],
  [5, 1, { state: 'ended', end: 'the guest shut down' }],
  [5, 3, { state: 'ended', end: 'QEMU ended by itself' }],
  [5, 99, { state: 'ended', end: 'it is shut off, and libvirt does not know why' }],
  [6, 1, { state: 'ended', end: 'its guest crashed' }],
  [7, 1, { state: 'paused', problem: 'its guest sleeps' }],
  [42, 0, { state: 'starting' }],
])('state %i for reason %i', (state, reason, life) => {
  expect(domainLife(state, reason)).toEqual(life);
});

describe('virsh', () => {
  const HEAD = ['env', 'LC_ALL=C', 'virsh', '--connect', 'qemu:///system'];

  test.each<[string, string[], string[]]>([
    [
      'define',
      DOMAIN.define(),
      ['sh', '-c', 'cat | "$@"', 'sh', ...HEAD, 'define', '--validate', '/dev/stdin'],
    ],
    ['start', DOMAIN.start(A, false), [...HEAD, 'start', '--domain', A]],
    ['start frozen', DOMAIN.start(A, true), [...HEAD, 'start', '--domain', A, '--paused']],
    ['shutdown', DOMAIN.shutdown(A, true), [...HEAD, 'shutdown', '--domain', A, '--mode', 'agent,acpi']],
    ['destroy', DOMAIN.destroy(A, true), [...HEAD, 'destroy', '--domain', A, '--graceful']],
    [
      'undefine',
      DOMAIN.undefine(A),
      [...HEAD, 'undefine', '--domain', A, '--managed-save', '--snapshots-metadata', '--nvram'],
    ],
    [
      'vol-delete',
      STORAGE.deleteVolume('p', 'd.qcow2'),
      [...HEAD, 'vol-delete', '--pool', 'p', '--vol', 'd.qcow2'],
    ],
  ])('%s', (_, argv, wanted) => {
    expect(argv).toEqual(wanted);
  });

  test.each([
    [
      "error: Failed to start domain 'a'\nerror: unable to open vhost-vsock device\n",
      'unable to open vhost-vsock device',
    ],
    ["error: failed to get domain 'a'\n", "failed to get domain 'a'"],
    ['warning: nothing\n', undefined],
    ['', undefined],
  ])('what it complains of in %j', (stderr, complaint) => {
    expect(complaintOf(stderr)).toBe(complaint);
  });

  test('it knows when there is no such domain', () => {
    expect(isNoDomain("error: failed to get domain 'a'")).toBe(true);
    expect(isNoDomain('error: failed to connect to the hypervisor')).toBe(false);
  });
});
