import { describe, expect, test } from 'vitest';
import { parseWorkload } from '../../../../src/domain/workload/parse.ts';
import type { Workload } from '../../../../src/domain/workload/workload.ts';
import { LEAST } from './config.ts';

const DISK = `${LEAST}platform.volume.0.type=qcow2\nplatform.volume.0.path=/tmp/disk.qcow2\n`;
const DISC = `${LEAST}platform.volume.0.type=iso\nplatform.volume.0.path=/tmp/a.iso\n`;
const NIC = `${LEAST}network.0.type=bridge\nnetwork.0.bridge=br0\n`;
const NAT = `${LEAST}network.0.type=nat\n`;
const OPEN = LEAST.replace('platform.cpu.threads=1\n', '');
const HUGE = `${LEAST}platform.memory.hugepages=/dev/hugepages\n`;

/** Whatever the engine. */
function problemsOf(text: string): string[] {
  return parseWorkload(text, 'f', 'any').problems.map(({ code, message }) => `${code} ${message}`);
}

function well(text: string): Workload {
  expect(problemsOf(text)).toEqual([]);
  const { workload } = parseWorkload(text, 'f', 'any');
  if (!workload) throw new Error('a file without problems has no workload');
  return workload;
}

function many(count: number, line: (id: number) => string): string {
  return Array.from({ length: count }, (_, id) => `${line(id)}\n`).join('');
}

const on = (bus: string, count: number): string =>
  many(
    count,
    id =>
      `platform.volume.${id}.type=qcow2\nplatform.volume.${id}.path=/tmp/${id}\nplatform.volume.${id}.interface=${bus}`,
  );

const onIde = (count: number): string =>
  many(
    count,
    id =>
      `platform.volume.${id}.type=iso\nplatform.volume.${id}.path=/tmp/${id}\nplatform.volume.${id}.interface=ide`,
  );

/** A rule: a file that keeps it, one that breaks it, and the code and whole message of that. */
const RULES: readonly (readonly [rule: string, good: string, bad: string, problem: string])[] = [
  [
    'X-1: a topology says the number of vCPUs again',
    `${LEAST.replace('threads=1', 'threads=8')}platform.cpu.topology.sockets=2\nplatform.cpu.topology.cores=4\n`,
    `${LEAST.replace('threads=1', 'threads=8')}platform.cpu.topology.sockets=2\nplatform.cpu.topology.threads=3\n`,
    'CONFLICT f:4: platform.cpu.threads: got "8", expected 6 vCPUs in all, because platform.cpu.topology is 2 x 1 x 3',
  ],
  [
    'X-1: a topology alone is a number of vCPUs',
    `${OPEN}platform.cpu.topology.cores=64\nplatform.cpu.topology.sockets=64\n`,
    `${OPEN}platform.cpu.topology.cores=64\nplatform.cpu.topology.sockets=65\n`,
    'BAD_VALUE f:4: platform.cpu.topology.cores: got "64", expected at most 4096 vCPUs in all; platform.cpu.topology is 65 x 64 x 1',
  ],
  [
    'SV-22: memory of huge pages is whole ones',
    `${HUGE.replace('1G', '2050M')}`,
    `${HUGE.replace('1G', '2049M')}`,
    'BAD_VALUE f:3: platform.memory.size: got "2049M", expected a multiple of 2M, because platform.memory.hugepages takes whole pages',
  ],
  [
    'SV-21: a balloon takes no huge pages back',
    `${LEAST}platform.balloon=fixed\n`,
    `${HUGE}platform.balloon=fixed\n`,
    'CONFLICT f:6: platform.balloon: got "fixed", expected no balloon with platform.memory.hugepages, because huge pages cannot be given back',
  ],
  [
    'kernel arguments are those of a kernel',
    `${LEAST}platform.kernel.append=quiet\nplatform.kernel.image=/srv/vmlinuz\n`,
    `${LEAST}platform.kernel.append=quiet\n`,
    'CONFLICT f:5: platform.kernel.append: got "quiet", expected no such key without platform.kernel.image',
  ],
  [
    'an initial RAM disk is that of a kernel',
    `${LEAST}platform.kernel.image=/srv/vmlinuz\nplatform.kernel.initrd=/srv/initrd\n`,
    `${LEAST}platform.kernel.initrd=/srv/initrd\n`,
    'CONFLICT f:5: platform.kernel.initrd: got "/srv/initrd", expected no such key without platform.kernel.image',
  ],
  [
    'a vsock has a context id',
    `${LEAST}platform.vsock.alias=v\nplatform.vsock.cid=3\n`,
    `${LEAST}platform.vsock.alias=v\n`,
    'CONFLICT f:5: platform.vsock.alias: got "v", expected no such key without platform.vsock.cid',
  ],
  [
    'FW-14: a unit is that of a rate',
    `${NIC}network.0.qos.rate=5\nnetwork.0.qos.unit=gbit\n`,
    `${NIC}network.0.qos.unit=gbit\n`,
    'CONFLICT f:7: network.0.qos.unit: got "gbit", expected no such key without network.0.qos.rate',
  ],
  [
    'X-12: a rate goes without loss',
    `${NIC}network.0.qos.loss=1\nnetwork.0.qos.delay=1s\n`,
    `${NIC}network.0.qos.rate=5\nnetwork.0.qos.loss=1\n`,
    'CONFLICT f:7: network.0.qos.rate: got "5", expected no rate with network.0.qos.loss, because tc does one or the other',
  ],
  [
    'X-12: a rate goes without delay, even one of 0',
    `${NIC}network.0.qos.rate=5\n`,
    `${NIC}network.0.qos.delay=0\nnetwork.0.qos.loss=0\nnetwork.0.qos.rate=5\n`,
    'CONFLICT f:9: network.0.qos.rate: got "5", expected no rate with network.0.qos.loss and network.0.qos.delay, because tc does one or the other',
  ],
  [
    'a NIC behind NAT has no interface to shape',
    `${NAT}network.0.ip=10.0.0.2/24\n`,
    `${NAT}network.0.qos.delay=1\n`,
    'CONFLICT f:6: network.0.qos.delay: got "1", expected no such key with network.0.type=nat, which has no interface on the node',
  ],
  [
    'a NIC behind NAT has no interface to name',
    `${NIC}network.0.queue-tap=tap0\n`,
    `${NAT}network.0.queue-tap=tap0\n`,
    'CONFLICT f:6: network.0.queue-tap: got "tap0", expected no such key with network.0.type=nat, which has no interface on the node',
  ],
  [
    'two NICs have two interfaces',
    `${NIC}network.0.queue-tap=tap0\nnetwork.1.type=bridge\nnetwork.1.bridge=br0\nnetwork.1.queue-tap=tap1\n`,
    `${NIC}network.0.queue-tap=tap0\nnetwork.1.type=bridge\nnetwork.1.bridge=br0\nnetwork.1.queue-tap=tap0\n`,
    'CONFLICT f:10: network.1.queue-tap: got "tap0", expected another one than network.0.queue-tap (line 7)',
  ],
  [
    'a CD-ROM has no format',
    `${DISK}platform.volume.0.format=raw\n`,
    `${DISC}platform.volume.0.format=raw\n`,
    'CONFLICT f:7: platform.volume.0.format: got "raw", expected no such key with platform.volume.0.type=iso',
  ],
  [
    'a CD-ROM is not made',
    `${DISK}platform.volume.0.size=1G\n`,
    `${DISC}platform.volume.0.size=1G\n`,
    'CONFLICT f:7: platform.volume.0.size: got "1G", expected no such key with platform.volume.0.type=iso',
  ],
  [
    'a CD-ROM hangs on what CD-ROMs hang on',
    `${DISC}platform.volume.0.interface=ide\n`,
    `${DISC}platform.volume.0.interface=virtio\n`,
    'CONFLICT f:7: platform.volume.0.interface: got "virtio", expected ahci, ide or scsi with platform.volume.0.type=iso',
  ],
  [
    'direct=1 is cache=none or directsync',
    `${DISK}platform.volume.0.direct=1\nplatform.volume.0.cache=directsync\n`,
    `${DISK}platform.volume.0.direct=1\nplatform.volume.0.cache=writethrough\n`,
    'CONFLICT f:7: platform.volume.0.direct: got "1", expected 0 with platform.volume.0.cache=writethrough',
  ],
  [
    'direct=0 is another cache',
    `${DISK}platform.volume.0.direct=0\nplatform.volume.0.cache=unsafe\n`,
    `${DISK}platform.volume.0.direct=0\nplatform.volume.0.cache=none\n`,
    'CONFLICT f:7: platform.volume.0.direct: got "0", expected 1 with platform.volume.0.cache=none',
  ],
  [
    'a disk is made or fetched',
    `${DISK}platform.volume.0.size=1G\n`,
    `${DISK}platform.volume.0.size=1G\nplatform.volume.0.source=/srv/a.qcow2\n`,
    'CONFLICT f:7: platform.volume.0.size: got "1G", expected no size with platform.volume.0.source, because the disk is as large as what is fetched',
  ],
  [
    'SV-19: the iothread of a volume is there',
    `${DISK}platform.volume.0.iothread=io\nplatform.iothread.7=io\n`,
    `${DISK}platform.volume.0.iothread=io\nplatform.iothread.7=oi\nplatform.iothread.1=x\n`,
    'BAD_REFERENCE f:7: platform.volume.0.iothread: got "io", expected the value of a platform.iothread.<n> (oi, x)',
  ],
  [
    'SV-19: the iothread of a NIC is there; several may share one',
    `${NIC}network.0.iothread=io\nnetwork.1.type=nat\nnetwork.1.iothread=io\nplatform.iothread.0=io\n`,
    `${NIC}network.0.iothread=io\n`,
    'BAD_REFERENCE f:7: network.0.iothread: got "io", expected the value of a platform.iothread.<n> (the file has none)',
  ],
  [
    'only disks on virtio have iothreads',
    `${DISK}platform.volume.0.interface=virtio\nplatform.volume.0.iothread=io\nplatform.iothread.7=io\n`,
    `${DISK}platform.volume.0.interface=scsi\nplatform.volume.0.iothread=io\nplatform.iothread.7=io\n`,
    'CONFLICT f:8: platform.volume.0.iothread: got "io", expected no iothread with platform.volume.0.interface=scsi',
  ],
  [
    'discs have no iothread',
    `${DISC}platform.iothread.7=io\n`,
    `${DISC}platform.volume.0.iothread=io\nplatform.iothread.7=io\n`,
    'CONFLICT f:7: platform.volume.0.iothread: got "io", expected no iothread with platform.volume.0.type=iso',
  ],
  [
    'disks on IDE can be written to',
    `${DISK}platform.volume.0.interface=ide\nplatform.volume.0.writable=1\n`,
    `${DISK}platform.volume.0.interface=ide\nplatform.volume.0.writable=0\n`,
    'CONFLICT f:8: platform.volume.0.writable: got "0", expected 1 with platform.volume.0.interface=ide, whose disks cannot be read-only',
  ],
  [
    'disks on AHCI, too',
    `${DISK}platform.volume.0.interface=scsi\n`,
    `${DISK}platform.volume.0.interface=ahci\n`,
    'MISSING_KEY f: platform.volume.0.writable: is missing, expected 1, because of platform.volume.0.interface=ahci, whose disks cannot be read-only',
  ],
  [
    'IDE has room for four',
    LEAST + onIde(4),
    LEAST + onIde(5),
    'CONFLICT f:19: platform.volume.4.interface: got "ide", expected another one, because IDE has room for 4 drives',
  ],
  [
    'FW-19: a PC has two floppy drives',
    LEAST + on('floppy', 2),
    LEAST + on('floppy', 3),
    'CONFLICT f:13: platform.volume.2.interface: got "floppy", expected another one, because a PC has room for 2 floppy drives',
  ],
  [
    'FW-19: and two pieces of flash memory',
    LEAST + on('pflash', 2),
    LEAST + on('pflash', 3),
    'CONFLICT f:13: platform.volume.2.interface: got "pflash", expected another one, because a PC has 2 pieces of flash memory',
  ],
  [
    'a floppy disk has no serial number',
    `${DISK}platform.volume.0.interface=floppy\nplatform.volume.0.alias=a\n`,
    `${DISK}platform.volume.0.interface=floppy\nplatform.volume.0.serial=a\n`,
    'CONFLICT f:8: platform.volume.0.serial: got "a", expected no such key with platform.volume.0.interface=floppy',
  ],
  [
    'flash memory has no name either',
    `${DISK}platform.volume.0.interface=pflash\nplatform.volume.0.iops=7\n`,
    `${DISK}platform.volume.0.interface=pflash\nplatform.volume.0.alias=a\n`,
    'CONFLICT f:8: platform.volume.0.alias: got "a", expected no such key with platform.volume.0.interface=pflash',
  ],
  [
    'there is one firmware',
    `${DISK}platform.volume.0.interface=floppy\nplatform.bios=bios.bin\n`,
    `${DISK}platform.volume.0.interface=pflash\nplatform.bios=bios.bin\n`,
    'CONFLICT f:8: platform.bios: got "bios.bin", expected no other firmware with platform.volume.0.interface=pflash',
  ],
  [
    'which is not what it boots',
    `${DISK}platform.volume.0.interface=floppy\nruntime.boot=0\n`,
    `${DISK}platform.volume.0.interface=pflash\nruntime.boot=0\n`,
    'CONFLICT f:8: runtime.boot: got "0", expected a volume or NIC that holds a system; platform.volume.0.interface is pflash, the firmware',
  ],
  [
    'SV-19: iothreads have names of their own',
    `${LEAST}platform.iothread.0=a\nplatform.iothread.1=b\n`,
    `${LEAST}platform.iothread.0=a\nplatform.iothread.1=a\n`,
    'CONFLICT f:6: platform.iothread.1: got "a", expected another one than platform.iothread.0 (line 5)',
  ],
  [
    'X-9: devices have names of their own',
    `${DISK}platform.volume.0.alias=a\nplatform.vsock.cid=3\nplatform.vsock.alias=b\n`,
    `${DISK}platform.volume.0.alias=a\nplatform.vsock.cid=3\nplatform.vsock.alias=a\n`,
    'CONFLICT f:9: platform.vsock.alias: got "a", expected another one than platform.volume.0.alias (line 7)',
  ],
  [
    'X-9: no device has the name that another one has by itself',
    `${DISK}platform.volume.0.alias=vol0\nnetwork.1.type=nat\nnetwork.1.alias=net0\n`,
    `${DISK}network.1.type=nat\nnetwork.1.alias=vol0\n`,
    'CONFLICT f:8: network.1.alias: got "vol0", expected another name, platform.volume.0 is called so where it has no alias',
  ],
  [
    'a virtio-console has a path',
    `${LEAST}runtime.console.virtio.0.alias=a\nruntime.console.virtio.0.path=a.sock\n`,
    `${LEAST}runtime.console.virtio.0.alias=a\n`,
    'MISSING_KEY f: runtime.console.virtio.0.path: is missing, expected the name of a socket such as log.sock, or the absolute path of one',
  ],
  [
    'virtio-consoles have sockets of their own',
    `${LEAST}runtime.console.virtio.0.path=a\nruntime.console.virtio.1.path=b\n`,
    `${LEAST}runtime.console.virtio.0.path=a\nruntime.console.virtio.1.path=a\n`,
    'CONFLICT f:6: runtime.console.virtio.1.path: got "a", expected another one than runtime.console.virtio.0.path (line 5)',
  ],
  [
    'a virtio-serial bus has 31 ports',
    LEAST + many(30, id => `runtime.console.virtio.${id}.path=s${id}`),
    LEAST + many(31, id => `runtime.console.virtio.${id}.path=s${id}`),
    'NOT_SUPPORTED f:35: runtime.console.virtio.30.path: got one virtio-console more, expected at most 30 virtio-consoles',
  ],
  [
    'there are not too many iothreads',
    LEAST + many(64, id => `platform.iothread.${id}=t${id}`),
    LEAST + many(65, id => `platform.iothread.${id}=t${id}`),
    'NOT_SUPPORTED f:69: platform.iothread.64: got one iothread more, expected at most 64 iothreads',
  ],
  [
    'there are not too many tags',
    LEAST + many(64, id => `runtime.tag.t${id}=x`),
    LEAST + many(65, id => `runtime.tag.t${id}=x`),
    'NOT_SUPPORTED f:69: runtime.tag.t64: got one tag more, expected at most 64 tags',
  ],
  [
    'an option that has a key is set by it',
    `${LEAST}platform.bios=a.bin\nruntime.append.rtc=base=localtime\n`,
    `${LEAST}runtime.append.bios=a.bin\n`,
    'NOT_SUPPORTED f:5: runtime.append.bios: got -bios, expected the key platform.bios instead',
  ],
  [
    'QEMU stays in hand',
    `${LEAST}runtime.append.no-reboot=\n`,
    `${LEAST}runtime.append.daemonize=\n`,
    'NOT_SUPPORTED f:5: runtime.append.daemonize: got -daemonize, expected another option, because pxen starts QEMU itself and keeps hold of it',
  ],
];

describe.each(RULES)('%s', (_rule, good, bad, problem) => {
  test('kept', () => {
    well(good);
  });

  test('broken', () => {
    expect(problemsOf(bad)).toEqual([problem]);
  });
});

test('X-1: a topology without platform.cpu.threads gives it', () => {
  const { cpu } = well(`${OPEN}platform.cpu.topology.sockets=2\nplatform.cpu.topology.threads=2\n`);
  expect(cpu).toEqual({ threads: 4, mode: 'host', topology: { sockets: 2, cores: 1, threads: 2 } });
});

test('all that can be written is in the workload', () => {
  const text = `${OPEN}platform.engine=libvirt
platform.arch=aarch64
platform.memory.hugepages=/dev/hugepages
platform.memory.share=1
platform.memory.dump=0
platform.cpu.topology.sockets=1
platform.cpu.topology.cores=2
platform.kernel.image=/srv/vmlinuz
platform.kernel.append=console=ttyS0 quiet
platform.kernel.initrd=/srv/initrd
platform.bios=seabios.bin
platform.image=ubuntu
platform.vsock.cid=auto
platform.vsock.alias=v0
platform.iothread.5=io5
platform.iothread.0=io0
platform.device.1.type=nvidia-gpu
platform.volume.0.type=qcow2
platform.volume.0.path=/srv/a
platform.volume.0.format=raw
platform.volume.0.interface=virtio
platform.volume.0.cache=none
platform.volume.0.direct=1
platform.volume.0.serial=s1
platform.volume.0.iops=0
platform.volume.0.iothread=io5
platform.volume.0.size=3M
platform.volume.0.pool=drives
platform.volume.0.alias=rootfs
network.0.type=bridge
network.0.bridge=br0
network.0.driver=e1000
network.0.queue-tap=tap0
network.0.switch=lan-of-root.net
network.0.ip=10.0.0.2/24
network.0.iothread=io0
network.0.filter=clean-traffic
network.0.qos.loss=05
network.0.qos.delay=1.5
network.0.alias=eth0
network.1.type=bridge
network.1.bridge=br0
network.1.qos.rate=5
runtime.console.virtio.1.path=/run/a.sock
runtime.console.virtio.0.path=log.sock
runtime.console.virtio.0.alias=c0
runtime.vga=none
runtime.power-state=paused
runtime.qga=1
runtime.append.rtc=base=localtime
runtime.append.no-reboot=
runtime.tag.a.b=c
runtime.control-ip=172.16.0.5
placement.realm=lab
placement.coschedule=0
placement.group=db
`;
  expect(well(text)).toEqual({
    name: 'vm',
    uuid: 'u1',
    engine: 'libvirt',
    arch: 'aarch64',
    memory: { bytes: 1024 ** 3, hugepages: '/dev/hugepages', share: true, dump: false },
    cpu: { threads: 2, mode: 'host', topology: { sockets: 1, cores: 2, threads: 1 } },
    kernel: { image: '/srv/vmlinuz', append: 'console=ttyS0 quiet', initrd: '/srv/initrd' },
    bios: 'seabios.bin',
    image: 'ubuntu',
    vsock: { cid: 'auto', alias: 'v0' },
    iothreads: [
      { id: 0, name: 'io0' },
      { id: 5, name: 'io5' },
    ],
    devices: [{ id: 1, type: 'nvidia-gpu' }],
    volumes: [
      {
        id: 0,
        type: 'qcow2',
        path: '/srv/a',
        writable: false,
        ephemeral: true,
        format: 'raw',
        interface: 'virtio',
        cache: 'none',
        direct: true,
        serial: 's1',
        iops: 0,
        iothread: 'io5',
        size: 3 * 1024 ** 2,
        pool: 'drives',
        alias: 'rootfs',
      },
    ],
    nics: [
      {
        id: 0,
        type: 'bridge',
        bridge: 'br0',
        driver: 'e1000',
        tap: 'tap0',
        switch: 'lan-of-root.net',
        ip: { address: '10.0.0.2', prefix: 24 },
        iothread: 'io0',
        filter: 'clean-traffic',
        qos: { loss: 5, delay: 1500 },
        alias: 'eth0',
      },
      { id: 1, type: 'bridge', bridge: 'br0', qos: { rate: { value: 5, unit: 'mbit' } } },
    ],
    console: { type: 'serial-tcp' },
    virtioConsoles: [
      { id: 0, path: 'log.sock', alias: 'c0' },
      { id: 1, path: '/run/a.sock' },
    ],
    vga: 'none',
    powerState: 'paused',
    qga: true,
    append: [
      { name: 'no-reboot', value: '' },
      { name: 'rtc', value: 'base=localtime' },
    ],
    tags: [{ key: 'a.b', value: 'c' }],
    controlIp: '172.16.0.5',
    autostart: true,
    placement: { realm: 'lab', coschedule: 0, group: 'db' },
  });
});

test('a default that is written is as one that is not', () => {
  const text = `${NIC}platform.arch=x86_64
platform.memory.share=0
platform.memory.dump=1
network.0.driver=virtio-net-pci
runtime.vga=std
runtime.power-state=running
runtime.qga=0
placement.coschedule=-1
`;
  expect(well(text)).toEqual(well(NIC));
});

describe('what keys are told apart by', () => {
  test.each([
    ['platform.iothread.x', 'the id "x"', 'a number from 0 to 999 without leading zeros'],
    ['platform.device.01.type', 'the id "01"', 'a number from 0 to 999 without leading zeros'],
    ['runtime.console.virtio.*.path', 'the id "*"', 'a number from 0 to 999 without leading zeros'],
    ['runtime.append.-rtc', 'the option "-rtc"', 'the name of a QEMU option without its dash'],
    ['runtime.append.', 'the option ""', 'the name of a QEMU option without its dash'],
    ['runtime.tag.a b', 'the tag "a b"', 'at most 64 letters, digits, dots, hyphens and underscores'],
    ['runtime.append.a.b', 'an unknown key', 'a known key; did you mean runtime.append.b?'],
    ['runtime.tags.role', 'an unknown key', 'a known key; did you mean runtime.tag.role?'],
    [
      'runtime.console.virtio.3',
      'an unknown key',
      'a known key; did you mean runtime.console.virtio.3.path?',
    ],
    ['network.2.qos.lost', 'an unknown key', 'a known key; did you mean network.2.qos.loss?'],
    [
      'platform.cpu.topology.core',
      'an unknown key',
      'a known key; did you mean platform.cpu.topology.cores?',
    ],
  ])('%s is no key', (key, got, expected) => {
    const shown = key.includes(' ') ? JSON.stringify(key) : key;
    expect(problemsOf(`${LEAST}${key}=1\n`)).toEqual([
      `UNKNOWN_KEY f:5: ${shown}: got ${got}, expected ${expected}`,
    ]);
  });
});
