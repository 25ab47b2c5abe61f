import type { Duplex, Readable } from 'node:stream';
import type { AgentAnswer, AgentRun, AgentStep, OutputWanted } from '../../api/agent.ts';
import type { GuestAnswer, GuestRequest } from '../../api/guest.ts';
import type { Host } from '../../domain/workload/host.ts';

/** Whoever does things with workloads on a host: the agent of a node, or libvirt where there is none. */
export interface Agents {
  /** Rejects when nobody knows what became of it: the host went away, or `signal` was aborted. */
  run(
    host: Host,
    run: AgentRun,
    onStep: (step: AgentStep) => void | Promise<void>,
    signal: AbortSignal,
  ): Promise<AgentAnswer>;
  /** Text as it comes. Rejects with what is refused. */
  output(host: Host, uuid: string, wanted: OutputWanted, signal: AbortSignal): Promise<Readable>;
  /** The bytes of the serial console, both ways. Rejects with what is refused. */
  console(host: Host, uuid: string, signal: AbortSignal): Promise<Duplex>;
  /** What the agent in the guest answers. Rejects with what is refused, by whomever. */
  guest(host: Host, uuid: string, request: GuestRequest, signal: AbortSignal): Promise<GuestAnswer>;
  close(): void;
}

/** Hosts with a URI have no agent. */
export class AgentsByHost implements Agents {
  readonly #agents: Agents;
  readonly #libvirt: Agents;

  constructor(ports: { agents: Agents; libvirt: Agents }) {
    this.#agents = ports.agents;
    this.#libvirt = ports.libvirt;
  }

  run(...args: Parameters<Agents['run']>): Promise<AgentAnswer> {
    return this.#of(args[0]).run(...args);
  }

  output(...args: Parameters<Agents['output']>): Promise<Readable> {
    return this.#of(args[0]).output(...args);
  }

  console(...args: Parameters<Agents['console']>): Promise<Duplex> {
    return this.#of(args[0]).console(...args);
  }

  guest(...args: Parameters<Agents['guest']>): Promise<GuestAnswer> {
    return this.#of(args[0]).guest(...args);
  }

  close(): void {
    this.#agents.close();
    this.#libvirt.close();
  }

  #of({ uri }: Host): Agents {
    return uri === undefined ? this.#agents : this.#libvirt;
  }
}
