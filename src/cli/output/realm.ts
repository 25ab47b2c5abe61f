import type { RealmList } from '../../api/placement.ts';
import { formatBytes } from '../../base/bytes.ts';
import { table } from './table.ts';

const HEAD = ['ID', 'NAME', 'DRIVER', 'STATE', 'HOSTS', 'REGISTER', 'POLL', 'CACHE', 'ALLOCATION', 'DRIVES'];

/** `mesh realm list`. */
export function realmTable(realms: RealmList['realms']): string {
  return table(
    HEAD,
    realms.map(({ id, name, driver, disabled, hosts, registrationTimeout, pollFrequency, drives }) => [
      ...[id, name, driver, disabled ? 'disabled' : 'enabled', hosts.join(' ') || '-'],
      ...[seconds(registrationTimeout), seconds(pollFrequency)],
      ...[drives.cache, drives.lazyAllocation ? 'lazy' : 'full', sizes(drives)],
    ]),
  );
}

function seconds(milliseconds: number): string {
  return `${milliseconds / 1000} s`;
}

function sizes({ minSize, maxSize }: RealmList['realms'][number]['drives']): string {
  const [least, most] = [minSize, maxSize].map(size => (size === undefined ? '' : formatBytes(size)));
  if (minSize === undefined && maxSize === undefined) return 'any size';
  if (maxSize === undefined) return `from ${least}`;
  return minSize === undefined ? `up to ${most}` : `${least} to ${most}`;
}

/** `mesh host profiles`. */
export function profileTable(profiles: RealmList['profiles']): string {
  return table(
    ['ID', 'CORES', 'MEMORY', 'DEVICES', 'COST FUNCTION', 'NAME'],
    profiles.map(({ id, cores, memory, devices, costFunction, name }) => [
      ...[id, String(cores), formatBytes(memory)],
      Object.entries(devices)
        .map(([type, count]) => `${type} ${count}`)
        .join(', ') || '-',
      ...[costFunction, name === id ? '' : name],
    ]),
  );
}
