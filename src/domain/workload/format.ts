import { KEYS, type Key, type KeyPattern, keyOf } from './keys.ts';
import { formatBootEntry, formatMemory } from './values.ts';
import type { Nic, Volume, Workload } from './workload.ts';

/** The file of a workload in its canonical form: keys in the order of the table, defaults left out. Parses back to the same. */
export function formatWorkload(workload: Workload): string {
  const { boot, console, cpu, memory, nics, placement, volumes } = workload;
  const lines = [
    line('name', workload.name),
    line('uuid', workload.uuid),
    line('platform.engine', workload.engine),
    line('platform.memory.size', formatMemory(memory.bytes)),
    line('platform.cpu.threads', cpu.threads),
    line('platform.cpu.mode', cpu.mode),
    ...volumes.flatMap(volumeLines),
    ...nics.flatMap(nicLines),
    line('runtime.boot', boot?.map(formatBootEntry).join(',')),
    line('runtime.console.type', console.type),
    line('runtime.console.id', 'id' in console ? console.id : undefined),
    line('runtime.autostart', workload.autostart),
    line('placement.node', placement.node),
  ];
  return lines.join('');
}

function volumeLines({ id, ...volume }: Volume): string[] {
  return [
    line('platform.volume.<id>.type', volume.type, id),
    line('platform.volume.<id>.path', volume.path, id),
    line('platform.volume.<id>.source', volume.source, id),
    line('platform.volume.<id>.sha256', volume.sha256, id),
    line('platform.volume.<id>.writable', volume.writable, id),
    line('platform.volume.<id>.ephemeral', volume.ephemeral, id),
  ];
}

function nicLines({ id, type, bridge, mac }: Nic): string[] {
  return [
    line('network.<id>.type', type, id),
    line('network.<id>.bridge', bridge, id),
    line('network.<id>.mac', mac, id),
  ];
}

/** Nothing for a value that is absent, or what its absence means. */
function line(pattern: KeyPattern, value: string | number | boolean | undefined, id?: number): string {
  const text = typeof value === 'boolean' ? `${Number(value)}` : value;
  const { fallback }: Key<unknown> = KEYS[pattern];
  return text === undefined || text === fallback ? '' : `${keyOf(pattern, id)}=${text}\n`;
}
