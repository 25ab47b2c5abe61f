import { describe, expect, test } from 'vitest';
import { qemuArgv } from '../../../../src/domain/vm/qemu/argv.ts';
import { goldenMachine, machineOf, workloadOf } from '../../../fakes/machines.ts';

const LEAST = { name: 'web', uuid: 'u1', 'platform.memory.size': '1G', 'platform.cpu.threads': '1' };

type Keys = Readonly<Record<string, string>>;

function argvOf(keys: Keys, around: Parameters<typeof machineOf>[1] = {}): string[] {
  const text = Object.entries({ ...LEAST, ...keys }).map(([key, value]) => `${key}=${value}`);
  return qemuArgv(machineOf(workloadOf(text.join('\n')), around));
}

/** The values of an option, in their order. */
function valuesOf(argv: readonly string[], option: string): string[] {
  return argv.filter((_, index) => argv[index - 1] === option);
}

const volume = (id: number, type: 'iso' | 'qcow2', more: Keys = {}): Keys => ({
  [`platform.volume.${id}.type`]: type,
  [`platform.volume.${id}.path`]: `/tmp/${id}`,
  ...Object.fromEntries(Object.entries(more).map(([key, value]) => [`platform.volume.${id}.${key}`, value])),
});

const nat = (id: number): Keys => ({ [`network.${id}.type`]: 'nat' });

test("MH-31: the source document's example gives 4 GiB, 2 vCPUs, the host's CPU, the ISO, br0 and VNC 5905", () => {
  const machine = goldenMachine('seed');
  const argv = qemuArgv(machine);
  expect({
    memory: valuesOf(argv, '-m'),
    vcpus: valuesOf(argv, '-smp'),
    cpu: valuesOf(argv, '-cpu'),
    accel: valuesOf(argv, '-accel'),
    drives: valuesOf(argv, '-drive'),
    netdevs: valuesOf(argv, '-netdev'),
    vnc: valuesOf(argv, '-vnc'),
    boots: argv.filter(word => word.includes('bootindex')),
  }).toEqual({
    memory: ['4G'],
    vcpus: ['2'],
    cpu: ['host'],
    accel: ['kvm'],
    drives: ['if=none,id=vol0,file=/tmp/alpine.iso,format=raw,media=cdrom,readonly=on'],
    netdevs: ['tap,id=net0,ifname=pxac421f23ce-0,script=no,downscript=no'],
    vnc: [':5'],
    boots: ['ide-cd,bus=ahci.0,drive=vol0,bootindex=1'],
  });
  expect(machine.nics[0]).toMatchObject({ bridge: 'br0', tap: 'pxac421f23ce-0' });
  expect(machine.console).toEqual({ type: 'vnc', id: 5, port: 5905 });
});

describe('MH-6: memory is exactly as much as was asked for', () => {
  test.each([
    ['1K', '1K'],
    ['3K', '3K'],
    ['1024K', '1M'],
    ['1025K', '1025K'],
    ['500M', '500M'],
    ['4096M', '4G'],
    ['16T', '16T'],
    ['16383G', '16383G'],
    ['17179869183K', '17179869183K'],
  ])('%s: -m %s', (size, expected) => {
    expect(valuesOf(argvOf({ 'platform.memory.size': size }), '-m')).toEqual([expected]);
  });
});

test.each([
  ['kvm', 'host', ['kvm', 'host']],
  ['kvm', 'Penryn-v1', ['kvm', 'Penryn-v1']],
  ['tcg', 'qemu64', ['tcg,thread=multi', 'qemu64']],
] as const)('MH-9, MH-10: policy %s and model %s', (accel, mode, expected) => {
  const argv = argvOf({ 'platform.cpu.mode': mode }, { accel });
  expect([...valuesOf(argv, '-accel'), ...valuesOf(argv, '-cpu')]).toEqual(expected);
});

describe('MH-11 to MH-17: volumes', () => {
  test.each([
    ['iso', {}, 'format=raw,media=cdrom,readonly=on'],
    ['qcow2', {}, 'format=qcow2,readonly=on,discard=unmap'],
    ['qcow2', { writable: '0' }, 'format=qcow2,readonly=on,discard=unmap'],
    ['qcow2', { writable: '1' }, 'format=qcow2,readonly=off,discard=unmap'],
    ['qcow2', { writable: '1', ephemeral: '0' }, 'format=qcow2,readonly=off,discard=unmap'],
  ] as const)('%s %j', (type, more, expected) => {
    expect(valuesOf(argvOf(volume(4, type, more)), '-drive')).toEqual([
      `if=none,id=vol4,file=/tmp/4,${expected}`,
    ]);
  });

  test('the file is where the engine sees it', () => {
    const argv = argvOf(volume(0, 'iso'), { at: path => `/a,b${path}` });
    expect(valuesOf(argv, '-drive')[0]).toContain(',file=/a,,b/tmp/0,');
  });

  test.each([
    [0, [], []],
    [6, ['ahci'], ['ahci.0', 'ahci.1', 'ahci.2', 'ahci.3', 'ahci.4', 'ahci.5']],
    [
      8,
      ['ahci', 'virtio-scsi-pci'],
      ['ahci.0', 'ahci.1', 'ahci.2', 'ahci.3', 'ahci.4', 'ahci.5', 'scsi.0:0', 'scsi.0:1'],
    ],
  ])('%i discs: six are on AHCI, the others on virtio-scsi', (count, controllers, places) => {
    const keys = Array.from({ length: count }, (_, id) => volume(id + 1, 'iso'));
    const devices = valuesOf(argvOf(Object.assign({}, ...keys)), '-device');
    const place = (device: string): string => {
      const [, bus, target] = /bus=([^,]*),(?:scsi-id=(\d+))?/.exec(device) ?? [];
      return target === undefined ? `${bus}` : `${bus}:${target}`;
    };
    expect(devices.filter(device => /^(ide|scsi)-cd/.test(device)).map(place)).toEqual(places);
    expect(devices.flatMap(device => /^(.*),id=(?:ahci|scsi)$/.exec(device)?.[1] ?? [])).toEqual(controllers);
  });
});

describe('MH-24, MH-25: what boots', () => {
  test.each<[string, Keys, readonly string[]]>([
    ['nothing without volumes and NICs', {}, []],
    ['unset: the first volume', { ...volume(2, 'qcow2'), ...volume(1, 'iso'), ...nat(0) }, ['vol1:1']],
    ['unset: the first NIC where there is no volume', { ...nat(3), ...nat(2) }, ['net2:1']],
    [
      'set: in the order given, whatever the ids',
      { ...volume(0, 'iso'), ...volume(1, 'qcow2'), ...nat(0), ...nat(1), 'runtime.boot': '1,n1,0' },
      ['net1:2', 'vol0:3', 'vol1:1'],
    ],
    ['set: a NIC alone', { ...volume(0, 'iso'), ...nat(0), 'runtime.boot': 'n0' }, ['net0:1']],
  ])('%s', (_, keys, expected) => {
    const devices = valuesOf(argvOf(keys), '-device');
    const booting = devices.flatMap(device => {
      const match = /(?:drive|netdev)=(\w+).*bootindex=(\d+)/.exec(device);
      return match ? [`${match[1]}:${match[2]}`] : [];
    });
    expect(booting).toEqual(expected);
  });

  test('a card without a place in the boot order has no ROM', () => {
    const devices = valuesOf(argvOf({ ...nat(0), ...nat(1), 'runtime.boot': 'n1' }), '-device');
    expect(
      devices
        .filter(d => d.startsWith('virtio-net'))
        .map(d => d.includes(',romfile=,') || d.endsWith(',romfile=')),
    ).toEqual([true, false]);
  });

  test('firmware tries nothing else', () => {
    expect(valuesOf(argvOf({}), '-boot')).toEqual(['strict=on']);
  });
});

describe('MH-26 to MH-30: console and state files', () => {
  const LOG = 'logfile=/tmp/pxen/u1/serial.log,logappend=on';
  test.each<[Keys, string, string, readonly string[]]>([
    [
      {},
      `socket,id=serial,host=0.0.0.0,port=7900,server=on,wait=off,nodelay=on,${LOG}`,
      'pc,graphics=off',
      [],
    ],
    [
      { 'runtime.console.id': '5' },
      `socket,id=serial,host=0.0.0.0,port=7905,server=on,wait=off,nodelay=on,${LOG}`,
      'pc,graphics=off',
      [],
    ],
    [
      { 'runtime.console.type': 'serial-socket' },
      `socket,id=serial,path=/tmp/pxen/u1/serial.sock,server=on,wait=off,${LOG}`,
      'pc,graphics=off',
      [],
    ],
    [
      { 'runtime.console.type': 'vnc', 'runtime.console.id': '0' },
      'file,id=serial,path=/tmp/pxen/u1/serial.log,append=on',
      'pc',
      [':0'],
    ],
  ])('%j', (keys, serial, machine, vnc) => {
    const argv = argvOf(keys);
    expect(valuesOf(argv, '-chardev').at(-1)).toBe(serial);
    expect(valuesOf(argv, '-machine')).toEqual([machine]);
    expect(valuesOf(argv, '-vnc')).toEqual(vnc);
  });

  test('QMP, a monitor for people and the pid are in the state folder, whatever its name', () => {
    const argv = argvOf({}, { folder: '/a,b' });
    expect(valuesOf(argv, '-pidfile')).toEqual(['/a,b/pid']);
    expect(valuesOf(argv, '-chardev').slice(0, 2)).toEqual([
      'socket,id=qmp,path=/a,,b/qmp.sock,server=on,wait=off',
      'socket,id=monitor,path=/a,,b/monitor.sock,server=on,wait=off',
    ]);
    expect(valuesOf(argv, '-mon')).toEqual(['chardev=qmp,mode=control', 'chardev=monitor,mode=readline']);
  });
});

describe('X-10: QEMU gets a uuid of RFC 4122', () => {
  test.each([
    ['qweflmqwe23', '72208623-9af3-530e-a2d0-6a8006edfafc'],
    ['11223344-5566-7788-99AA-bbccddeeff00', '11223344-5566-7788-99aa-bbccddeeff00'],
  ])('%s: %s', (uuid, expected) => {
    const argv = argvOf({ uuid });
    expect(valuesOf(argv, '-uuid')).toEqual([expected]);
    expect(valuesOf(argv, '-pidfile')).toEqual([`/tmp/pxen/${uuid}/pid`]);
  });
});

describe('PCI slots', () => {
  const busesOf = (count: number): (string | undefined)[] => {
    const keys = Object.assign({}, ...Array.from({ length: count }, (_, id) => volume(id, 'qcow2')));
    const disks = valuesOf(argvOf(keys), '-device').filter(device => device.startsWith('virtio-blk'));
    return disks.map(device => /bus=(.*)/.exec(device)?.[1]);
  };

  test('16 devices are on the board', () => {
    expect(busesOf(16)).toEqual(Array(16).fill(undefined));
  });

  test('further ones are behind bridges of 31 slots, which come before them', () => {
    expect(busesOf(64)).toEqual([
      ...Array(16).fill(undefined),
      ...Array(31).fill('bridge0'),
      ...Array(17).fill('bridge1'),
    ]);
    const keys = Object.assign({}, ...Array.from({ length: 64 }, (_, id) => volume(id, 'qcow2')));
    const devices = valuesOf(argvOf(keys), '-device');
    const bridges = ['pci-bridge,id=bridge0,chassis_nr=1', 'pci-bridge,id=bridge1,chassis_nr=2'];
    expect(devices.filter(device => device.startsWith('pci-bridge'))).toEqual(bridges);
    expect(devices.indexOf('pci-bridge,id=bridge1,chassis_nr=2')).toBeLessThan(
      devices.findIndex(d => d.includes('bus=')),
    );
  });

  test('volumes do not move the cards', () => {
    const devicesBefore = (keys: Keys): string[] => {
      const devices = valuesOf(argvOf(keys), '-device');
      return devices.slice(
        0,
        devices.findIndex(device => device.startsWith('virtio-net')),
      );
    };
    expect(devicesBefore({ ...nat(0), ...volume(0, 'iso'), ...volume(1, 'qcow2') })).toEqual(
      devicesBefore(nat(0)),
    );
  });
});

describe('checklist 5.1 and FIREWHEEL: further options of QEMU', () => {
  test.each<[Keys, string, string[]]>([
    [{ 'platform.memory.share': '0', 'platform.memory.dump': '1' }, '-object', []],
    [{ 'platform.memory.dump': '0' }, '-machine', ['pc,graphics=off,dump-guest-core=off']],
    [
      { 'platform.memory.hugepages': '/h', 'platform.memory.share': '1' },
      '-object',
      ['memory-backend-file,id=pxen.ram,size=1073741824,mem-path=/h,share=on,prealloc=on'],
    ],
    [{ 'platform.cpu.topology.sockets': '1' }, '-smp', ['1,sockets=1,cores=1,threads=1']],
    [{ 'platform.bios': '/srv/a,b.bin' }, '-bios', ['/srv/a,b.bin']],
    [{ 'runtime.vga': 'std' }, '-vga', ['std']],
    [{ 'runtime.vga': 'none' }, '-vga', ['none']],
  ])('%j: %s', (keys, option, values) => {
    expect(valuesOf(argvOf(keys), option)).toEqual(values);
  });

  test('a balloon that stays', () => {
    expect(argvOf({ 'platform.balloon': 'fixed' })).toContain('virtio-balloon-pci,deflate-on-oom=off');
  });

  test('a kernel is booted before everything; an order of the file stays what it was', () => {
    const keys = { ...volume(0, 'qcow2'), ...nat(0), 'platform.kernel.image': '/k' };
    const indexes = (more: Keys): string[] =>
      argvOf({ ...keys, ...more }).filter(word => word.includes('bootindex'));
    expect(indexes({})).toEqual([]);
    expect(indexes({ 'runtime.boot': '0' })).toEqual(['virtio-blk-pci,drive=vol0,bootindex=1']);
  });

  test('only a paused one waits for a resume', () => {
    expect(argvOf({ 'runtime.power-state': 'running' })).not.toContain('-S');
    expect(argvOf({ 'runtime.power-state': 'paused' }).at(-1)).toBe('-S');
  });

  test('what the file appends comes last, by its names', () => {
    const keys = { 'runtime.append.watchdog-action': 'none', 'runtime.append.no-reboot': '' };
    expect(argvOf(keys).slice(-3)).toEqual(['-no-reboot', '-watchdog-action', 'none']);
  });

  test('a device more than the board has slots for is behind a bridge', () => {
    const disks = Array.from({ length: 15 }, (_, id) => volume(id, 'qcow2'));
    const argv = argvOf(Object.assign({ 'platform.balloon': 'fixed', 'runtime.qga': '1' }, ...disks));
    expect(argv.filter(word => word.endsWith('bus=bridge0'))).toEqual([
      'virtio-blk-pci,drive=vol14,bus=bridge0',
    ]);
  });

  test('every six volumes on AHCI have a controller; discs that may go elsewhere do', () => {
    const disks = Array.from({ length: 7 }, (_, id) =>
      volume(id, 'qcow2', { interface: 'ahci', writable: '1' }),
    );
    const argv = argvOf(Object.assign({}, ...disks, volume(7, 'iso')));
    expect(argv.filter(word => /^(ahci|ide-|scsi-|virtio-scsi)/.test(word))).toEqual([
      'ahci,id=ahci',
      'ahci,id=ahci1',
      'virtio-scsi-pci,id=scsi',
      ...[0, 1, 2, 3, 4, 5].map(
        id => `ide-hd,bus=ahci.${id},drive=vol${id}${id === 0 ? ',bootindex=1' : ''}`,
      ),
      'ide-hd,bus=ahci1.0,drive=vol6',
      'scsi-cd,bus=scsi.0,scsi-id=0,drive=vol7',
    ]);
  });

  test('a vsock has a context id that is free', () => {
    const keys = { 'platform.vsock.cid': 'auto', 'platform.vsock.alias': 'v0' };
    const argv = argvOf(keys, { facts: { vsockCids: [3] } });
    expect(argv).toContain('vhost-vsock-pci,guest-cid=4,id=v0');
  });
});
