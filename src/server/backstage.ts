import type { Service } from '../base/ports.ts';
import { VERSION } from '../base/version.ts';
import type { Backstage } from '../service/http/api.ts';
import type { Registry } from '../service/registry/registry.ts';
import type { Remote } from '../service/remote.ts';
import type { MachineNames } from './machines.ts';

export interface BackstageParts {
  readonly registry: Registry;
  readonly remote: Remote;
  readonly names: MachineNames;
  /** Asked when health is asked: the list is complete only when the appliance is. */
  readonly services: () => readonly Service[];
}

/** What the API is told: the registry's nodes with the names of their folders, commands on nodes, and how every part is. */
export function backstage({ registry, remote, names, services }: BackstageParts): Backstage {
  return {
    report: (report, from, token) => registry.report(report, from, token),
    async nodes() {
      await names.refresh();
      return registry.nodes().map(node => ({ ...node, name: names.of(node.id) }));
    },
    async node(id) {
      await names.refresh();
      return { ...registry.node(id), name: names.of(id) };
    },
    ctl({ nodes, command, timeoutSeconds }, onLine, signal) {
      return remote.ctl(registry.targets(nodes), command, onLine, { timeoutSeconds, signal });
    },
    health() {
      const complaints = services().map(service => [service.name, service.health() ?? null] as const);
      return {
        ok: complaints.every(([, text]) => text === null),
        version: VERSION,
        parts: Object.fromEntries(complaints),
      };
    },
  };
}
