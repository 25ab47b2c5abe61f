import { describe, expect, test } from 'vitest';
import { type CtlLine, ctlLineSchema } from '../../../src/api/ctl.ts';
import { PxenError } from '../../../src/base/error.ts';
import type { Ipv4 } from '../../../src/base/ipv4.ts';
import type { MachineId } from '../../../src/domain/machine/genid.ts';
import type { CtlTarget, RunRemote } from '../../../src/domain/node/remote.ts';
import { Remote } from '../../../src/service/remote.ts';
import { RecordingLog } from '../../fakes/log.ts';
import { ALPHA, BETA, HOST_KEY_LINE } from '../../fakes/registry.ts';

const target = (node: MachineId, address: string): CtlTarget => ({
  node,
  address: address as Ipv4,
  hostKey: HOST_KEY_LINE,
});

async function linesOf(run: RunRemote, targets: CtlTarget[], signal?: AbortSignal): Promise<CtlLine[]> {
  const lines: CtlLine[] = [];
  const remote = new Remote({ run, log: new RecordingLog() });
  await remote.ctl(targets, 'uptime', line => void lines.push(ctlLineSchema.parse(line)), {
    timeoutSeconds: 5,
    signal,
  });
  return lines;
}

describe('a command on nodes', () => {
  test('tells the output and the end of each', async () => {
    const run: RunRemote = async ({ address, command, onOutput, timeout }) => {
      await onOutput('stdout', `${address} ${command} ${timeout}`);
      await onOutput('stderr', 'warned');
      return address === '10.0.0.1' ? { exit: 3 } : { exit: null, signal: 'KILL' };
    };
    const lines = await linesOf(run, [target(ALPHA.id, '10.0.0.1'), target(BETA.id, '10.0.0.2')]);
    const of = (id: MachineId) => lines.filter(line => line.node === id);
    expect(of(ALPHA.id)).toEqual([
      { node: ALPHA.id, stream: 'stdout', data: '10.0.0.1 uptime 5000' },
      { node: ALPHA.id, stream: 'stderr', data: 'warned' },
      { node: ALPHA.id, exit: 3 },
    ]);
    expect(of(BETA.id).at(-1)).toEqual({ node: BETA.id, exit: null, signal: 'KILL' });
  });

  test('ends with an error line for a node that fails, and goes on with the others', async () => {
    const run: RunRemote = async ({ address }) => {
      if (address === '10.0.0.1')
        throw new PxenError('HOST_KEY_MISMATCH', 'other key', { details: ['look'] });
      return { exit: 0 };
    };
    const targets = [
      target(ALPHA.id, '10.0.0.1'),
      { ...target(BETA.id, '10.0.0.2'), address: undefined },
      { ...target('00000001' as MachineId, '10.0.0.3'), hostKey: undefined },
      target('00000002' as MachineId, '10.0.0.4'),
    ];
    const lines = (await linesOf(run, targets)).sort((a, b) => a.node.localeCompare(b.node));
    expect(lines).toEqual([
      {
        node: '00000001',
        error: {
          code: 'NODE_UNREACHABLE',
          message: '00000001: host0 knows no SSH host key of this node, and connects to nobody unverified',
          details: [
            'its agent tells the key with its first report; an overlay of its own brings one made by host0',
          ],
        },
      },
      { node: '00000002', exit: 0 },
      {
        node: BETA.id,
        error: {
          code: 'NODE_UNREACHABLE',
          message: '6e6da274 has no address now',
          details: ['is it switched on? see its last boot: mesh node info 6e6da274'],
        },
      },
      { node: ALPHA.id, error: { code: 'HOST_KEY_MISMATCH', message: 'other key', details: ['look'] } },
    ]);
  });

  test('runs on sixteen nodes at once and no more, and on none after the caller left', async () => {
    let running = 0;
    let most = 0;
    let done = 0;
    const caller = new AbortController();
    const run: RunRemote = async () => {
      most = Math.max(most, ++running);
      await new Promise(resolve => setTimeout(resolve, 5));
      running -= 1;
      if (++done === 32) caller.abort();
      return { exit: 0 };
    };
    const targets = Array.from({ length: 100 }, (_, i) =>
      target(i.toString().padStart(8, '0') as MachineId, '10.0.0.1'),
    );
    await linesOf(run, targets, caller.signal);
    expect(most).toBe(16);
    expect(done).toBeLessThan(50);
  });
});
