import { silentLog } from '../../src/base/ports.ts';
import type { Ledger } from '../../src/domain/placement/ledger.ts';
import type { RuleFiles, RulesOnDisk } from '../../src/domain/placement/rulefiles.ts';
import { readRules } from '../../src/domain/placement/rules.ts';
import type { HostSetting, HostStore } from '../../src/domain/placement/setting.ts';
import type { Host } from '../../src/domain/workload/host.ts';
import { sha256 } from '../../src/io/sha256.ts';
import { Placement } from '../../src/service/placement/placement.ts';
import { rootOf } from '../unit/domain/hocon/documents.ts';
import { ManualClock } from './clock.ts';
import { FakeFolders } from './watching.ts';

/** One file of rules in memory; `write` is what an admin does. */
export class MemoryRules implements RuleFiles {
  #read: RulesOnDisk;

  constructor(text = 'pxen.vm {}') {
    this.#read = judged(text);
  }

  write(text: string): void {
    this.#read = judged(text);
  }

  read(): RulesOnDisk {
    return this.#read;
  }
}

function judged(text: string): RulesOnDisk {
  return { ...readRules([{ root: rootOf(text) }]), folders: ['/host0', '/host0/realms'] };
}

/** What was said of hosts, as JSON. `failure` makes every write reject. */
export class MemoryHosts implements HostStore {
  readonly saved = new Map<string, string>();
  failure: Error | undefined;

  load(): HostSetting[] {
    return [...this.saved.values()].map(text => JSON.parse(text) as HostSetting);
  }

  async save(setting: HostSetting): Promise<void> {
    if (this.failure) throw this.failure;
    this.saved.set(setting.id, JSON.stringify(setting));
  }

  async remove(id: string): Promise<void> {
    if (this.failure) throw this.failure;
    this.saved.delete(id);
  }
}

/** Places workloads on these hosts by what they report alone. */
export function placementOn(hosts: readonly Host[], known: () => Ledger): Placement {
  return new Placement({
    files: new MemoryRules(),
    folders: new FakeFolders(),
    store: new MemoryHosts(),
    hosts: () => hosts,
    known,
    sha256,
    clock: new ManualClock(),
    log: silentLog,
  });
}
