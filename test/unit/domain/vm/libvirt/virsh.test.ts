import { expect, test } from 'vitest';
import { DOMAIN, memoryIn } from '../../../../../src/domain/vm/libvirt/virsh.ts';

test('what a guest has is read of dommemstat of libvirt 9.0', () => {
  const told = 'actual 262144\nswap_in 0\nlast_update 1700000000\nrss 180224\n\n';
  expect([memoryIn(told), memoryIn('rss 1\n'), memoryIn('')]).toEqual([2 ** 28, undefined, undefined]);
});

test('what it shall have is told in KiB', () => {
  expect(DOMAIN.setMemory('u', 2 ** 28).slice(5)).toEqual([
    ...['setmem', '--domain', 'u', '--size', '262144', '--live'],
  ]);
});
