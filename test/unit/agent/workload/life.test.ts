import { describe, expect, test } from 'vitest';
import { afterEvent, type Life, lifeOf } from '../../../../src/agent/workload/life.ts';

const RUNNING: Life = { state: 'running' };

describe('what QEMU tells', () => {
  test.each<[string, Record<string, unknown>, Life]>([
    ['STOP', {}, { state: 'paused' }],
    ['RESUME', {}, { state: 'running' }],
    ['SHUTDOWN', { guest: true, reason: 'guest-shutdown' }, { state: 'running', shutdown: 'guest-shutdown' }],
    ['SHUTDOWN', {}, { state: 'running', shutdown: 'unknown' }],
    ['GUEST_PANICKED', { action: 'pause' }, { state: 'running', problem: 'the guest panicked' }],
    [
      'BLOCK_IO_ERROR',
      {
        device: 'vol0',
        operation: 'write',
        action: 'stop',
        nospace: true,
        reason: 'No space left on device',
      },
      {
        state: 'running',
        problem: 'vol0: write failed: No space left on device; QEMU paused the guest until it is resumed',
      },
    ],
    [
      'BLOCK_IO_ERROR',
      {
        device: '',
        'node-name': '#block1',
        operation: 'read',
        action: 'report',
        reason: 'Input/output error',
      },
      { state: 'running', problem: '#block1: read failed: Input/output error' },
    ],
    [
      'BLOCK_IO_ERROR',
      {},
      { state: 'running', problem: 'a volume: access failed: the node reports an error' },
    ],
    ['NIC_RX_FILTER_CHANGED', {}, { state: 'running' }],
  ])('%s %o', (name, data, expected) => {
    expect(afterEvent(RUNNING, { name, data }, 'QEMU')).toEqual(expected);
  });

  test('a machine that ends is not paused, and a resume or a reset leaves trouble behind', () => {
    const ending: Life = { state: 'running', shutdown: 'guest-shutdown' };
    expect(afterEvent(ending, { name: 'STOP', data: {} }, 'QEMU')).toBe(ending);
    const troubled: Life = { state: 'paused', problem: 'the guest panicked' };
    expect(afterEvent(troubled, { name: 'RESET', data: {} }, 'QEMU')).toEqual({ state: 'paused' });
    expect(afterEvent(troubled, { name: 'RESUME', data: {} }, 'QEMU')).toEqual({ state: 'running' });
  });

  test.each([
    ['running', { state: 'running' }],
    ['suspended', { state: 'running' }],
    ['paused', { state: 'paused' }],
    ['prelaunch', { state: 'paused', prelaunch: true }],
    [
      'io-error',
      { state: 'paused', problem: 'QEMU paused the guest: a volume could not be read or written' },
    ],
    [
      'internal-error',
      { state: 'paused', problem: 'QEMU stopped the guest: it could not go on running it (internal-error)' },
    ],
    ['guest-panicked', { state: 'paused', problem: 'the guest panicked' }],
  ])('query-status %s', (status, expected) => {
    expect(lifeOf({ status, running: status === 'running' }, 'QEMU')).toEqual(expected);
  });

  test.each([null, 1, 'x', {}, { status: 7 }])('query-status that is no answer: %o', answer => {
    expect(lifeOf(answer, 'QEMU')).toEqual({ state: 'paused' });
  });
});
