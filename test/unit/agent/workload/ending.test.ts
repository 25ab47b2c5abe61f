import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decideEnding, formatEnding, readExit, type Seen } from '../../../../src/agent/workload/ending.ts';

describe('how a virtual machine ended', () => {
  test('is told by the name of its engine', () => {
    const { reason } = decideEnding({ called: 'StratoVirt', status: 137, output: '' });
    expect(reason).toBe('StratoVirt was ended by signal SIGKILL');
  });

  test.each<[Omit<Seen, 'called'>, object]>([
    [
      { shutdown: 'guest-shutdown', status: 0, output: '' },
      { reason: 'the guest shut down', exitCode: 0 },
    ],
    [
      { shutdown: 'host-signal', status: 0, output: 'x' },
      { reason: 'somebody on the node told QEMU to end, by a signal', exitCode: 0 },
    ],
    [
      { shutdown: 'guest-panic', status: 1, output: '' },
      { reason: 'the guest panicked', exitCode: 1 },
    ],
    [
      { shutdown: 'some-news', status: 0, output: '' },
      { reason: 'QEMU ended it: some-news', exitCode: 0 },
    ],
    [
      { status: 137, output: '' },
      { reason: 'QEMU was ended by signal SIGKILL', signal: 'SIGKILL' },
    ],
    [
      { status: 134, output: 'assertion\n' },
      { reason: 'QEMU was ended by signal SIGABRT', signal: 'SIGABRT' },
    ],
    [
      { shutdown: 'guest-shutdown', status: 139, output: '' },
      { reason: 'QEMU was ended by signal SIGSEGV', signal: 'SIGSEGV' },
    ],
    [
      { status: 1, output: 'a\nqemu: no room\n' },
      { reason: 'QEMU ended with status 1: qemu: no room', exitCode: 1 },
    ],
    [
      { status: 127, output: '' },
      { reason: 'QEMU ended with status 127', exitCode: 127 },
    ],
    [
      { status: 0, output: '' },
      {
        reason: 'QEMU ended while no agent watched: its guest shut down, or somebody told it to',
        exitCode: 0,
      },
    ],
    [{ reason: 'libvirt destroyed it', output: '' }, { reason: 'libvirt destroyed it' }],
    [{ output: '' }, { reason: 'QEMU is gone, and nobody saw how it ended' }],
    [{ cutOff: true, output: '' }, { reason: 'the agent of the node ended in the middle of its start' }],
  ])('%o', (seen, expected) => {
    expect(decideEnding({ called: 'QEMU', ...seen })).toEqual({ ...expected, output: seen.output });
  });

  test('the last of much output is told, as much as a report may carry', () => {
    const { output, reason } = decideEnding({
      called: 'QEMU',
      status: 1,
      output: `${'x'.repeat(10_000)}end`,
    });
    expect([output.length, output.endsWith('end'), reason.length]).toEqual([4096, true, 512]);
  });

  test('the file says it to a later agent: by the number of the shell, or by what an agent made of it', () => {
    expect(readExit('137')).toEqual({ status: 137 });
    const ending = decideEnding({ called: 'QEMU', shutdown: 'guest-shutdown', status: 0, output: 'ä\n' });
    expect(readExit(formatEnding(ending).trim())).toEqual({ ending });
    expect(readExit(undefined)).toEqual({});
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), text => {
        const { ending: found, status } = readExit(text);
        return found === undefined && (status === undefined || String(status).length <= 3);
      }),
    );
  });
});
