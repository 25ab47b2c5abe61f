import { PxenError } from '../../base/error.ts';
import type { Machine, MachineNic } from '../../domain/vm/machine.ts';
import { judgeOnNode, type WellFormed } from '../../domain/workload/judge.ts';
import { workloadError } from '../../domain/workload/problem.ts';
import { rewired } from '../../domain/workload/replacement.ts';
import { runSteps, type Step } from '../../domain/workload/steps.ts';
import type { Tree } from '../tree.ts';
import { formatSaved, type Saved } from './saved.ts';
import { type Tap, type Taps, tapsOf } from './taps.ts';
import type { Tell } from './tell.ts';
import type { MachinePorts, VirtualMachine } from './virtual-machine.ts';

/** What is to be rewired. */
export interface Rewiring {
  readonly machine: VirtualMachine;
  /** The file of the machine as it will be then. */
  readonly config: Saved['config'];
  readonly parsed: WellFormed;
  readonly nic: number;
  readonly tell: Tell;
}

export interface RewiringPorts extends Pick<MachinePorts, 'clock' | 'say'> {
  readonly tree: Tree;
  readonly taps: Taps;
}

/**
 * Puts a NIC of a running machine onto the bridge, and under the quality of service, that its file says now. Its guest
 * sees nothing of it, and its engine need not know: the interface on the node is what moves. Rejects with the reason, and
 * then it is where it was.
 */
export async function rewire(rewiring: Rewiring, ports: RewiringPorts): Promise<void> {
  const { machine, nic, parsed, tell } = rewiring;
  const { clock, say } = ports;
  const before = machine.saved;
  rewired(before.machine.workload, parsed.workload, nic);
  // Only the facts that are given are judged by.
  const problems = judgeOnNode(parsed, { interfaces: ports.tree.list('/sys/class/net') }, before.accel);
  if (problems.length > 0) throw workloadError(parsed.file, problems);
  const after = { ...before, config: rewiring.config, machine: withNics(before.machine, parsed.workload) };
  await runSteps(steps(rewiring, before, after, ports), { clock, say, tell });
}

function steps({ machine, nic }: Rewiring, before: Saved, after: Saved, { taps }: RewiringPorts): Step[] {
  const [was, will] = [before, after].map(saved => tapOf(saved.machine, nic));
  if (!was || !will)
    throw new PxenError(
      'WORKLOAD_STATE',
      `${machine.name}: NIC ${nic} is on no bridge; a restart changes it`,
    );
  const { folder } = machine;
  const note = async (saved: Saved): Promise<undefined> => {
    await folder.write('workload', formatSaved(saved));
    machine.becomes(saved);
  };
  return [
    {
      name: 'move',
      run: async () => {
        await taps.move(will, was.qos !== undefined, folder);
        return `${will.name} on ${will.bridge}`;
      },
      undo: () => taps.move(was, will.qos !== undefined, folder),
    },
    { name: 'note', run: () => note(after), undo: () => note(before).then(() => {}) },
  ];
}

function tapOf(machine: Machine, id: number): Tap | undefined {
  return tapsOf({ ...machine, nics: machine.nics.filter(nic => nic.id === id) })[0];
}

/** What was decided of each card stays. */
function withNics(machine: Machine, workload: Machine['workload']): Machine {
  const nics = machine.nics.map((card): MachineNic => {
    const { bridge, qos } = workload.nics.find(({ id }) => id === card.id) ?? card;
    return { ...card, bridge, qos };
  });
  return { ...machine, workload, nics };
}
