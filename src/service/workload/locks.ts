import type { Verb } from '../../api/agent.ts';
import { PxenError } from '../../base/error.ts';

/** What host0 does with a workload: what a command asked for, or `return` after a reboot of its node. */
export type Work = Verb | 'return';

/** One change at a time of what shall be, except that a stop overtakes a start: the agent calls that one off. */
export class Locks {
  /** Newest last. */
  readonly #held = new Map<string, readonly Work[]>();

  of(uuid: string): Work | undefined {
    return this.#held.get(uuid)?.at(-1);
  }

  /** Rejects with WORKLOAD_BUSY. */
  async hold<T>(
    { name, uuid }: { readonly name: string; readonly uuid: string },
    work: Work,
    act: () => Promise<T>,
  ): Promise<T> {
    const others = this.#held.get(uuid) ?? [];
    const inTheWay = this.#inTheWay(uuid, work);
    if (inTheWay !== undefined) throw busy(name, inTheWay);
    this.#held.set(uuid, [...others, work]);
    try {
      return await act();
    } finally {
      this.#release(uuid, work);
    }
  }

  /** Whether somebody else has to be waited for. */
  isFree(uuid: string, work: Work): boolean {
    return this.#inTheWay(uuid, work) === undefined;
  }

  #inTheWay(uuid: string, work: Work): Work | undefined {
    const others = this.#held.get(uuid) ?? [];
    return others.find(other => work !== 'stop' || other === 'stop' || other === 'soft-stop');
  }

  #release(uuid: string, work: Work): void {
    const left = this.#held.get(uuid)?.filter(other => other !== work) ?? [];
    if (left.length > 0) this.#held.set(uuid, left);
    else this.#held.delete(uuid);
  }
}

function busy(name: string, other: Work): PxenError {
  const what = other === 'return' ? 'it is being brought back on its node' : `a ${other} is under way`;
  return new PxenError('WORKLOAD_BUSY', `${name}: ${what}`, { details: ['try again when it is over'] });
}
