import { expect, test } from 'vitest';
import { hostLookCommand, parseHostLook } from '../../../../../src/domain/vm/libvirt/host-look.ts';

const PRINTED = `@boot
4be0a76b-35aa-4bce-bcbb-24ca96c38937
@arch
x86_64
@threads
8
@memory
MemTotal:       24684092 kB
MemFree:          734928 kB
MemAvailable:   21329472 kB
@interfaces
br0
lo
@bridges
br0
@sockets
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1EDC 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20 1
   1: 0100007F:0016 0100007F:9C41 01 00000000:00000000 00:00000000 00000000     0        0 21 1
  sl  local_address                         remote_address                        st tx_queue
   0: 00000000000000000000000000000000:170D 00000000000000000000000000000000:0000 0A 00000000:00000000
@devices
/dev/kvm
@paths
/srv/it's a disk
@domains
4400c981-174c-5af0-a009-873767aa0bbc

`;

test('a host tells its boot, what it has, and its domains', () => {
  expect(parseHostLook(PRINTED)).toEqual({
    bootId: '4be0a76b-35aa-4bce-bcbb-24ca96c38937',
    arch: 'x86_64',
    threads: 8,
    memTotalKiB: 24_684_092,
    memAvailableKiB: 21_329_472,
    interfaces: ['br0', 'lo'],
    bridges: ['br0'],
    busyPorts: [5901, 7900],
    hasKvm: true,
    hasVhostVsock: false,
    existingPaths: ["/srv/it's a disk"],
    domains: ['4400c981-174c-5af0-a009-873767aa0bbc'],
  });
});

test.each(['', 'sh: virsh: not found\n', PRINTED.slice(0, 200), '@domains\n'])(
  'what is no such answer: %#',
  text => {
    expect(parseHostLook(text)).toBeUndefined();
  },
);

test('paths are arguments, whatever is in them', () => {
  const [program, flag, , ...rest] = hostLookCommand(["/a'b", '$(reboot)']);
  expect([program, flag, ...rest]).toEqual(['sh', '-c', 'sh', "/a'b", '$(reboot)']);
});
