import { describe, expect, test } from 'vitest';
import { probeQemu } from '../../../src/agent/probe.ts';
import type { Tree } from '../../../src/agent/tree.ts';
import type { Exec } from '../../../src/io/exec.ts';

/** A node on which these paths exist after so many looks. */
function treeWith(appear: Record<string, number>): Tree {
  let looks = 0;
  return {
    text: () => undefined,
    list: () => [],
    link: () => undefined,
    head: () => undefined,
    exists: path => (appear[path] ?? Number.POSITIVE_INFINITY) <= looks++,
  };
}

/** A QEMU whose every guest leaves the sign of the probe. */
function goodQemu(ran: string[]): Exec {
  return async (file, args) => {
    ran.push(args[0] ?? '');
    const version = args[0] === '--version';
    return {
      command: file,
      exitCode: version ? 0 : 33,
      signal: undefined,
      stdout: version ? 'QEMU emulator version 7.2.22 (Debian)' : '',
      stderr: '',
      timedOut: false,
      failure: undefined,
    };
  };
}

describe('the probe of a node', () => {
  test('waits for the modules that load in the background, then runs a guest', async () => {
    const ran: string[] = [];
    const found = await probeQemu(treeWith({ '/dev/kvm': 3 }), goodQemu(ran), new AbortController().signal);
    expect({ found, ran }).toEqual({
      found: { qemu: '7.2.22', kvm: { state: 'usable' } },
      ran: ['--version', '-accel'],
    });
  });

  test('says that there is no /dev/kvm once all modules are in', async () => {
    const ran: string[] = [];
    const tree = treeWith({ '/run/pxen/modules-loaded': 0 });
    expect(await probeQemu(tree, goodQemu(ran), new AbortController().signal)).toEqual({
      qemu: '7.2.22',
      kvm: {
        state: 'unusable',
        reason: 'there is no /dev/kvm: no hardware virtualisation, or it is off in the firmware',
      },
    });
    expect(ran).toEqual(['--version']);
  });

  test('ends at once when the agent is told to end', async () => {
    const abort = new AbortController();
    const probe = probeQemu(treeWith({}), goodQemu([]), abort.signal);
    abort.abort();
    expect((await probe).kvm.state).toBe('unusable');
  });
});
