import { randomBytes } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import { messageOf } from '../base/error.ts';
import type { Ipv4 } from '../base/ipv4.ts';
import type { Meter } from '../base/meter.ts';
import type { Clock, Log, Service } from '../base/ports.ts';
import {
  type BootToken,
  type BootTokenStore,
  burntToken,
  deliveredToken,
  judgeToken,
  newToken,
  TOKEN_BYTES,
  TOKEN_LIFETIME,
  type TokenVerdict,
} from '../domain/boot/token.ts';
import type { MachineId, Sha256 } from '../domain/machine/genid.ts';

export interface BootTokensOptions {
  readonly store: BootTokenStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly sha256: Sha256;
}

/** Tokens of one address at a time: no flood of script requests pushes out those of others. */
const MOST_OF_ADDRESS = 16;
/** In all; 10,000 machines may boot at once. */
const MOST = 65_536;
/** An ended token is remembered for as long again, so that whoever shows it is told why it is refused. */
const REMEMBERED = TOKEN_LIFETIME;

/** The one-time tokens with which machines fetch their own overlay (DESIGN section 7). */
export class BootTokens implements Service {
  readonly name = 'boot tokens';
  readonly #d: BootTokensOptions;
  /** Oldest first. */
  readonly #byHash = new Map<string, BootToken>();
  readonly #ofAddress = new Map<Ipv4, Set<string>>();
  readonly #ofMachine = new Map<MachineId, Set<string>>();
  #trouble: string | undefined;

  constructor(options: BootTokensOptions) {
    this.#d = options;
  }

  /** What a pxend before this one gave out is still good. */
  async start(): Promise<void> {
    for (const token of this.#d.store.all()) this.#keep(token);
  }

  async stop(): Promise<void> {}

  health(): string | undefined {
    return this.#trouble;
  }

  /** A new token for the machine at this address; the one that it had before is good no more. Never rejects. */
  async issue(machineId: MachineId, address: Ipv4): Promise<string> {
    const text = randomBytes(TOKEN_BYTES).toString('base64url');
    const token = newToken({ hash: this.#hash(text), machineId, address }, this.#d.clock.now());
    const dropped = this.#outdated(token);
    for (const hash of dropped) this.#forget(hash);
    this.#keep(token);
    await this.#save(token, dropped);
    this.#d.meter.count('pxen_boot_tokens_total', { outcome: 'issued' });
    return text;
  }

  judge(machineId: MachineId, address: Ipv4, text: string | undefined): TokenVerdict {
    if (text === undefined) return 'missing';
    const now = this.#d.clock.now();
    const verdict = judgeToken(this.#byHash.get(this.#hash(text)), { machineId, address, now });
    if (verdict !== 'good') this.#d.meter.count('pxen_boot_tokens_total', { outcome: 'refused' });
    return verdict;
  }

  /** The overlay went out to its end with this token. */
  delivered(text: string): Promise<void> {
    this.#d.meter.count('pxen_boot_tokens_total', { outcome: 'delivered' });
    return this.#change(this.#byHash.get(this.#hash(text)), deliveredToken);
  }

  /** The machine runs and has shown so: no token of it is needed any more. */
  async burn(machineId: MachineId): Promise<void> {
    const now = this.#d.clock.now();
    const tokens = [...(this.#ofMachine.get(machineId) ?? [])].map(hash => this.#byHash.get(hash));
    const live = tokens.filter(token => token !== undefined && token.endsAt > now);
    await Promise.all(live.map(token => this.#change(token, burntToken)));
  }

  async #change(
    token: BootToken | undefined,
    how: (token: BootToken, now: number) => BootToken,
  ): Promise<void> {
    if (!token) return;
    const next = how(token, this.#d.clock.now());
    if (next === token) return;
    this.#byHash.set(next.hash, next);
    await this.#save(next, []);
  }

  /** The machine's earlier token at this address, ended ones, and the oldest where there are too many. */
  #outdated({ machineId, address }: BootToken): string[] {
    const limit = this.#d.clock.now() - REMEMBERED;
    const here = [...(this.#ofAddress.get(address) ?? [])];
    const earlier = here.filter(hash => this.#byHash.get(hash)?.machineId === machineId);
    const surplus = here.slice(0, Math.max(0, here.length - MOST_OF_ADDRESS + 1));
    const oldest: string[] = [];
    for (const { hash, endsAt } of this.#byHash.values()) {
      if (endsAt > limit && this.#byHash.size - oldest.length < MOST) break;
      oldest.push(hash);
    }
    return [...new Set([...earlier, ...surplus, ...oldest])];
  }

  /** Without a durable token a boot still goes well, unless host0 is restarted in the middle of it. */
  async #save(token: BootToken, dropped: readonly string[]): Promise<void> {
    try {
      await this.#d.store.put(token, dropped);
      this.#trouble = undefined;
    } catch (error) {
      this.#trouble = `boot tokens cannot be written, a restart of pxend now would stop boots: ${messageOf(error)}`;
      this.#d.log.warn('boot', this.#trouble, { node: token.machineId });
    }
  }

  #keep(token: BootToken): void {
    this.#byHash.set(token.hash, token);
    addTo(this.#ofAddress, token.address, token.hash);
    addTo(this.#ofMachine, token.machineId, token.hash);
  }

  #forget(hash: string): void {
    const token = this.#byHash.get(hash);
    if (!token) return;
    this.#byHash.delete(hash);
    takeFrom(this.#ofAddress, token.address, hash);
    takeFrom(this.#ofMachine, token.machineId, hash);
  }

  #hash(text: string): string {
    return toHex(this.#d.sha256(new TextEncoder().encode(text)));
  }
}

function addTo<K>(index: Map<K, Set<string>>, key: K, hash: string): void {
  const set = index.get(key);
  if (set) set.add(hash);
  else index.set(key, new Set([hash]));
}

function takeFrom<K>(index: Map<K, Set<string>>, key: K, hash: string): void {
  const set = index.get(key);
  set?.delete(hash);
  if (set?.size === 0) index.delete(key);
}
