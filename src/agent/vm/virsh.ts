import { PxenError } from '../../base/error.ts';
import { type DomainSight, lookCommand, parseLook } from '../../domain/vm/libvirt/look.ts';
import { complaintOf } from '../../domain/vm/libvirt/virsh.ts';
import { type Exec, type Execution, failureOf } from '../../io/exec.ts';

/** Milliseconds. A libvirtd that has just started asks every QEMU first what it can do. */
const TIMEOUT = 60_000;
/** Bytes of an answer; a file in the guest comes in pieces of less. */
const MOST_OUTPUT = 16 * 1024 * 1024;

/** Runs virsh on the node. */
export class Virsh {
  readonly #exec: Exec;

  constructor(exec: Exec) {
    this.#exec = exec;
  }

  run([program = '', ...args]: readonly string[], timeout = TIMEOUT): Promise<Execution> {
    return this.#exec(program, args, { timeout, maxOutput: MOST_OUTPUT });
  }

  /** Its output. Rejects with WORKLOAD_FAILED and what libvirt said. */
  async must(argv: readonly string[], timeout?: number): Promise<string> {
    const run = await this.run(argv, timeout);
    if (failureOf(run) === undefined) return run.stdout;
    throw new PxenError('WORKLOAD_FAILED', sentence(run));
  }

  /** Undefined: there is no such domain. Rejects when libvirtd does not answer. */
  async look(domain: string): Promise<DomainSight | undefined> {
    return parseLook(await this.must(lookCommand([domain])))[0];
  }
}

/** What libvirt said, or how virsh failed. */
export function sentence(run: Execution): string {
  return complaintOf(run.stderr) ?? `virsh ${failureOf(run) ?? 'failed'}`;
}
