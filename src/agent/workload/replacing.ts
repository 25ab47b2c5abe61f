import { join } from 'node:path';
import type { AgentRun } from '../../api/agent.ts';
import { asPxenError, messageOf, PxenError } from '../../base/error.ts';
import { launcherOf } from '../../domain/vm/launches.ts';
import { type Machine, volumesAt } from '../../domain/vm/machine.ts';
import { reversed, type Swap } from '../../domain/vm/swap.ts';
import type { WellFormed } from '../../domain/workload/judge.ts';
import { type Replacement, replacementOf } from '../../domain/workload/replacement.ts';
import { runSteps, type Step, tellStep } from '../../domain/workload/steps.ts';
import { type Control, LeftEmpty } from '../vm/driver.ts';
import type { Undo } from '../volume/volumes.ts';
import { wrongState } from './machines.ts';
import { formatSaved, type Saved } from './saved.ts';
import { type StartPorts, teller } from './starting.ts';
import type { Tell } from './tell.ts';
import type { VirtualMachine } from './virtual-machine.ts';

/** What is to be replaced. */
export interface Exchange {
  readonly machine: VirtualMachine;
  /** The file of the machine as it will be then. */
  readonly config: Saved['config'];
  readonly parsed: WellFormed;
  readonly volume: number;
  readonly request: Pick<AgentRun, 'lazyAllocation' | 'timeoutSeconds'>;
  readonly tell: Tell;
  /** Aborted: it is called off. */
  readonly signal: AbortSignal;
}

/** What was decided. */
interface Plan {
  readonly volumes: Replacement;
  /** The machine as it will be then. */
  readonly after: Machine;
  readonly swap: Swap;
}

/**
 * A running machine gives up a volume and gets what its file says now. SV-3, SV-27. Rejects with the reason, and then it
 * has what it had unless that says otherwise.
 */
export async function replaceVolume(exchange: Exchange, ports: StartPorts): Promise<void> {
  await new VolumeExchange(exchange, planOf(exchange, ports.root), ports).run();
}

/** Throws WORKLOAD_STATE with what stands against it. */
function planOf({ machine, parsed, volume }: Exchange, root: string): Plan {
  const volumes = replacementOf(machine.saved.machine.workload, parsed.workload, volume);
  const after = withFile(machine.saved.machine, parsed.workload, root);
  const swap = swapOf(machine, after, volume);
  if (machine.state === 'paused')
    throw wrongState(machine, 'is paused, and so its guest cannot give a volume up; resume it first');
  return { volumes, after, swap };
}

class VolumeExchange {
  readonly #exchange: Exchange;
  readonly #ports: StartPorts;
  readonly #before: Saved;
  readonly #plan: Plan;
  #undoFetch: Undo | undefined;
  #isSwapped = false;

  constructor(exchange: Exchange, plan: Plan, ports: StartPorts) {
    this.#exchange = exchange;
    this.#plan = plan;
    this.#ports = ports;
    this.#before = exchange.machine.saved;
  }

  async run(): Promise<void> {
    const { clock, say } = this.#ports;
    const { signal, tell } = this.#exchange;
    await runSteps(this.#steps(), { clock, say, signal, tell });
    await this.#clear();
  }

  #steps(): Step[] {
    return [
      { name: 'fetch', run: () => this.#fetch(), undo: () => this.#undoFetch?.() },
      { name: 'swap', run: () => this.#change(), undo: () => this.#changeBack() },
      { name: 'note', run: () => this.#note(), undo: () => this.#noteBefore() },
    ];
  }

  async #fetch(): Promise<string> {
    const { parsed, request, signal, tell } = this.#exchange;
    const { lazyAllocation } = request;
    this.#undoFetch = await this.#ports.volumes.ensure(parsed.workload, {
      signal,
      lazyAllocation,
      progress: teller(tell),
    });
    return `${this.#plan.volumes.will.path} is there`;
  }

  async #change(): Promise<string> {
    const { machine, signal, volume } = this.#exchange;
    await this.#perform(this.#plan.swap, signal).catch((thrown: unknown) => {
      const { code, details } = asPxenError(thrown);
      const left = leftBy(thrown, this.#plan.swap);
      if (left !== undefined) machine.left(`volume ${volume}: ${left}`);
      const message = `${machine.name}: volume ${volume}: ${messageOf(thrown)}`;
      throw new PxenError(code, message, { details, cause: thrown });
    });
    machine.left(undefined);
    this.#isSwapped = true;
    return `volume ${volume} is ${this.#plan.volumes.will.path}`;
  }

  async #changeBack(): Promise<void> {
    if (!this.#isSwapped) return;
    const { machine, volume } = this.#exchange;
    const { was, will } = this.#plan.volumes;
    try {
      await this.#perform(reversed(this.#plan.swap));
    } catch (thrown) {
      // The machine has it open.
      this.#undoFetch = undefined;
      machine.left(
        `volume ${volume}: it has ${will.path}, and cannot have ${was.path} back: ${messageOf(thrown)}`,
      );
      throw thrown;
    }
  }

  async #perform(swap: Swap, signal?: AbortSignal): Promise<void> {
    const { machine, request } = this.#exchange;
    await swapper(machine.control())(swap, { patience: request.timeoutSeconds * 1000, signal });
  }

  /** A later agent finds the machine as it is now. */
  async #note(): Promise<undefined> {
    const { config, machine, parsed } = this.#exchange;
    const saved = { ...this.#before, config, machine: this.#plan.after };
    await machine.folder.write('workload', formatSaved(saved));
    await this.#ports.volumes.taken(parsed.workload);
    machine.becomes(saved);
  }

  async #noteBefore(): Promise<void> {
    this.#exchange.machine.becomes(this.#before);
    await this.#exchange.machine.folder.write('workload', formatSaved(this.#before));
  }

  /** It is replaced all the same when what it had cannot be deleted: a stop tries again. */
  async #clear(): Promise<void> {
    const { parsed, tell } = this.#exchange;
    const { was } = this.#plan.volumes;
    const began = this.#ports.clock.elapsed();
    const isGone = await this.#ports.volumes.drop(parsed.workload, was).catch((thrown: unknown) => {
      this.#ports.say(`${parsed.workload.name}: ${was.path} cannot be cleared away: ${messageOf(thrown)}`);
      return false;
    });
    const text = isGone ? `deleted ${was.path}` : `${was.path} stays`;
    tellStep(tell, 'clear', text, this.#ports.clock.elapsed() - began);
  }
}

/** All that was decided of the machine stays; its volumes are those of the workload. */
function withFile(machine: Machine, workload: Machine['workload'], root: string): Machine {
  return { ...machine, workload, volumes: volumesAt(workload, path => join(root, path)) };
}

function swapOf({ called, name, saved }: VirtualMachine, after: Machine, volume: number): Swap {
  const { swap } = launcherOf(saved.machine.workload.engine);
  const found = swap?.(saved.machine, after, volume) ?? `with ${called} they stay until the next start`;
  if (typeof found !== 'string') return found;
  throw new PxenError(
    'WORKLOAD_STATE',
    `${name}: volume ${volume} cannot be replaced while it runs: ${found}`,
    {
      details: ['a restart takes over what its file says'],
    },
  );
}

/** What a swap that failed has left behind, where that is not what was there before. */
function leftBy(thrown: unknown, { kind }: Swap): string | undefined {
  if (thrown instanceof LeftEmpty) return 'it has nothing there now; a restart brings it back';
  if (kind === 'medium' || asPxenError(thrown).code !== 'TIMEOUT') return undefined;
  return 'its guest was asked to give it up, and has not yet; it goes at its next reset at the latest';
}

function swapper(control: Control): NonNullable<Control['swap']> {
  if (control.swap) return control.swap.bind(control);
  throw new PxenError('INTERNAL', 'an engine whose volumes can be replaced has no way to do it');
}
