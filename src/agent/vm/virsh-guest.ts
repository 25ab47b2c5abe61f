import * as z from 'zod';
import { PxenError } from '../../base/error.ts';
import { DOMAIN, isAgentSilent } from '../../domain/vm/libvirt/virsh.ts';
import { failureOf } from '../../io/exec.ts';
import type { GuestCommand, GuestCommands } from './guest-channel.ts';
import { sentence, type Virsh } from './virsh.ts';

/** Milliseconds: for the answer, and for that of a command that answers only when it refuses. */
const ANSWER_TIMEOUT = 10_000;
const REFUSAL_TIMEOUT = 2000;
/** Milliseconds that virsh takes beyond that. */
const GRACE = 10_000;
/** Linux takes 128 KiB in one argument (MAX_ARG_STRLEN). */
const LONGEST_COMMAND = 120_000;

const answerSchema = z.object({ return: z.unknown() });

/** The guest agent of a domain: its channel is in the hands of libvirt, which takes one command at a time. */
export class VirshGuest implements GuestCommands {
  readonly #name: string;
  readonly #domain: string;
  readonly #virsh: Virsh;
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ domain, name, virsh: by }: { name: string; domain: string; virsh: Virsh }) {
    this.#name = name;
    this.#domain = domain;
    this.#virsh = by;
  }

  execute(command: GuestCommand): Promise<unknown> {
    const answer = this.#turn.then(() => (command.isSilent ? this.#silent(command) : this.#ask(command)));
    this.#turn = answer.catch(() => {});
    return answer;
  }

  close(): void {
    // Nothing is kept open.
  }

  /** One that shuts down does not say that it does; one that does not answer before has not heard it. */
  async #silent(command: GuestCommand): Promise<unknown> {
    await this.#ask({ execute: 'guest-ping', timeout: command.patience });
    try {
      return await this.#ask({ timeout: REFUSAL_TIMEOUT, ...command });
    } catch (thrown) {
      if (thrown instanceof PxenError && thrown.code === 'TIMEOUT') return undefined;
      throw thrown;
    }
  }

  async #ask({
    arguments: given,
    execute,
    signal,
    timeout = ANSWER_TIMEOUT,
  }: GuestCommand): Promise<unknown> {
    if (signal?.aborted) throw this.#failed(`${execute} was called off`);
    const text = JSON.stringify(given === undefined ? { execute } : { execute, arguments: given });
    if (text.length > LONGEST_COMMAND)
      throw this.#failed(`${execute} is longer than virsh can pass on: at most ${LONGEST_COMMAND} bytes`);
    const asked = DOMAIN.askAgent(this.#domain, text, Math.ceil(timeout / 1000));
    const run = await this.#virsh.run(asked, timeout + GRACE);
    if (failureOf(run) === undefined) return valueIn(run.stdout);
    const why = sentence(run);
    if (!isAgentSilent(why)) throw this.#failed(`its guest agent refused ${execute}: ${why.slice(0, 400)}`);
    throw new PxenError('TIMEOUT', `${this.#name}: its guest agent does not answer (${why})`, {
      details: ['qemu-ga must be installed and run in the guest; a guest that still boots has none yet'],
    });
  }

  #failed(what: string): PxenError {
    return new PxenError('WORKLOAD_FAILED', `${this.#name}: ${what}`);
  }
}

function valueIn(text: string): unknown {
  try {
    return answerSchema.safeParse(JSON.parse(text)).data?.return;
  } catch {
    return undefined;
  }
}
