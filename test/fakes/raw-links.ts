import { type Duplex, duplexPair } from 'node:stream';
import type { AgentLinks } from '../../src/service/workload/agent.ts';

/** What is behind the socket of a node; it begins when a request comes. */
export type Play = (socket: Duplex) => void | Promise<void>;

/** Links to a node that may do anything on its side of them. */
export class RawLinks implements AgentLinks {
  /** host0's ends that are open. */
  readonly links = new Set<Duplex>();
  readonly #play: Play;

  constructor(play: Play) {
    this.#play = play;
  }

  async open(): Promise<Duplex> {
    const [near, far] = duplexPair();
    this.links.add(near);
    near.once('close', () => {
      this.links.delete(near);
      far.destroy();
    });
    far.once('close', () => near.destroy());
    far.on('error', () => {});
    far.once('data', () => void this.#play(far));
    return near;
  }

  close(): void {
    for (const link of this.links) link.destroy();
  }
}
