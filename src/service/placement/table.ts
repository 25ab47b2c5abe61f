import { nearest, quote } from '../../base/diagnostic.ts';
import { messageOf, PxenError } from '../../base/error.ts';
import type { MachineId, Sha256 } from '../../domain/machine/genid.ts';
import { libvirtHostId } from '../../domain/placement/host.ts';
import type { RosterHost } from '../../domain/placement/roster.ts';
import type { PlacementRules } from '../../domain/placement/rules.ts';
import {
  changed,
  type HostSetting,
  type HostStore,
  newSetting,
  type SettingChange,
} from '../../domain/placement/setting.ts';

/** A change that says whether there has to be such a host already. */
export interface HostChange extends SettingChange {
  readonly expect: 'new' | 'known';
}

/** What a change is judged by. */
interface Standing {
  readonly hosts: readonly RosterHost[];
  /** Those of the files. */
  readonly rules: PlacementRules;
}

/** What admins have said of hosts: in memory as it is on disk. */
export class HostTable {
  readonly #store: HostStore;
  readonly #sha256: Sha256;
  readonly #all = new Map<MachineId, HostSetting>();
  #last: Promise<unknown> = Promise.resolve();
  #failure: string | undefined;

  constructor(ports: { store: HostStore; sha256: Sha256 }) {
    this.#store = ports.store;
    this.#sha256 = ports.sha256;
  }

  load(): void {
    for (const setting of this.#store.load()) this.#all.set(setting.id, setting);
  }

  all(): readonly HostSetting[] {
    return [...this.#all.values()];
  }

  of(id: MachineId): HostSetting | undefined {
    return this.#all.get(id);
  }

  health(): string | undefined {
    return this.#failure;
  }

  /** Durable when it resolves. Rejects with NOT_FOUND, CONFLICT or BAD_REQUEST, and then nothing has changed. */
  change(name: string, change: HostChange, now: () => Standing): Promise<MachineId> {
    return this.#inTurn(() => this.#change(name, change, now()));
  }

  /** Durable when it resolves. Rejects with what `check` throws, which is asked at the last moment. */
  remove(id: MachineId, check: () => void = () => {}): Promise<void> {
    return this.#inTurn(() => this.#remove(id, check));
  }

  /** One after the other: of two who add the same host, one is told. */
  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(act);
    this.#last = mine.catch(() => {});
    return mine;
  }

  async #change(
    name: string,
    { expect, ...change }: HostChange,
    { hosts, rules }: Standing,
  ): Promise<MachineId> {
    const before = expect === 'new' ? this.#fresh(name, change, hosts) : this.#known(name, change, hosts);
    const after = changed(before, change, rules);
    await this.#written(this.#store.save(after));
    this.#all.set(after.id, after);
    return after.id;
  }

  async #remove(id: MachineId, check: () => void): Promise<void> {
    const before = this.#all.get(id);
    if (!before) return;
    check();
    // From now on nothing is placed there.
    this.#all.delete(id);
    try {
      await this.#written(this.#store.remove(id));
    } catch (error) {
      this.#all.set(id, before);
      throw error;
    }
  }

  #fresh(name: string, { uri }: SettingChange, hosts: readonly RosterHost[]): HostSetting {
    const id = libvirtHostId(name, this.#sha256);
    const other = hosts.find(host => host.name === name || host.id === id);
    if (other)
      throw new PxenError('CONFLICT', `there is a host ${other.name} already`, {
        details: ['see: mesh host list', 'change it: mesh host set-state, mesh host set-profile'],
      });
    if (uri === undefined)
      throw new PxenError('BAD_REQUEST', `${name}: a host that is added needs a libvirt URI`, {
        details: ['a node with the agent is a host by itself as soon as it reports'],
      });
    return newSetting(id, name);
  }

  #known(name: string, { uri }: SettingChange, hosts: readonly RosterHost[]): HostSetting {
    const host = knownHost(name, hosts);
    if (uri !== undefined && host.uri === undefined)
      throw new PxenError('BAD_REQUEST', `${name} is a node with the agent: it has no libvirt URI`);
    return this.#all.get(host.id) ?? newSetting(host.id, name);
  }

  async #written(writing: Promise<void>): Promise<void> {
    try {
      await writing;
      this.#failure = undefined;
    } catch (error) {
      this.#failure = `what was said of hosts is not saved: ${messageOf(error)}`;
      throw error;
    }
  }
}

/** Throws NOT_FOUND. */
export function knownHost(name: string, hosts: readonly RosterHost[]): RosterHost {
  const host = hosts.find(each => each.name === name) ?? hosts.find(each => each.id === name);
  if (host) return host;
  const near = nearest(
    name,
    hosts.map(each => each.name),
  );
  throw new PxenError('NOT_FOUND', `no host is called ${quote(name)}`, {
    details: [near === undefined ? 'see: mesh host list' : `did you mean ${near}?`],
  });
}
