import type { HostView } from '../../api/placement.ts';
import { formatBytes } from '../../base/bytes.ts';
import { several } from '../../base/diagnostic.ts';
import type { Context } from '../context.ts';
import { costText } from './placement.ts';
import { facts, paintColumn, printable, table } from './table.ts';
import { paint } from './terminal.ts';

const HEAD = [
  ...['NAME', 'STATE', 'ALIVE', 'PROFILE', 'REALM', 'GROUP', 'VMS', 'VCPUS', 'MEMORY', 'DEVICES', 'COST'],
  'NOTE',
];

const COLOURS = { enabled: 'green', 'no-scheduling': 'yellow', disabled: 'red' } as const;

/** `mesh host list`. */
export function hostTable(context: Context, hosts: readonly HostView[]): string {
  return paintColumn(table(HEAD, hosts.map(row)), 'STATE', state =>
    paint(context.terminal, COLOURS[state as HostView['state']], state),
  );
}

function row(host: HostView): string[] {
  const { name, state, liveness, profile, realm = '-', group = '-', usage, problem = '' } = host;
  const { vcpus, memory } = inUse(host);
  const devices = devicesInUse(host).join(', ') || '-';
  const words = [name, state, liveness, profile, realm, group, String(usage.vms), vcpus, memory, devices];
  return [...words, costText(host.cost), problem];
}

/** `5 of 8`: in use, and what there is where that is known. */
function inUse({ usage, cores, memory }: HostView): { readonly vcpus: string; readonly memory: string } {
  const of = (all: string | undefined): string => (all === undefined ? '' : ` of ${all}`);
  return {
    vcpus: `${usage.vcpus}${of(cores === undefined ? undefined : String(cores))}`,
    memory: `${formatBytes(usage.memory)}${of(memory === undefined ? undefined : formatBytes(memory))}`,
  };
}

/** Devices may be in use that no profile lists any more. */
function devicesInUse({ usage, devices }: HostView): readonly string[] {
  const types = [...new Set([...Object.keys(devices), ...Object.keys(usage.devices)])];
  return types.map(type => `${type} ${usage.devices[type] ?? 0} of ${devices[type] ?? 0}`);
}

/** `mesh host info`, and the answer to every change. */
export function hostInFull(host: HostView): string {
  const { id, name, state, liveness, realm, group, problem, translation, uri, usage } = host;
  const { vcpus, memory } = inUse(host);
  const optional = (key: string, text: string | undefined): readonly (readonly [string, string])[] =>
    text === undefined ? [] : [[key, text]];
  return facts([
    ['host', `${name} (${id})`],
    ['state', state],
    ['alive', liveness],
    ['kind', uri === undefined ? 'a node with the agent' : `libvirt, ${uri}`],
    ['profile', profileText(host)],
    ...optional('realm', realm),
    ...optional('group', group),
    ...optional('VMs at', translation && `${translation.address}, port ${translation.basePort} + last octet`),
    ['vms', String(usage.vms)],
    ['vcpus', vcpus],
    ['memory', memory],
    ...optional('devices', devicesInUse(host).join(', ') || undefined),
    ['cost', costText(host.cost)],
    ...host.workloads.map(workload => ['workload', `${workload.name} (${workload.state})`] as const),
    ...optional('problem', problem),
  ]);
}

function profileText({ described, profile, uri }: HostView): string {
  if (described || uri !== undefined) return profile;
  return `${profile}: nobody has said anything about this node, so it is made from what it reports`;
}

/** What is left on a host that is drained, and how to get rid of it. */
export function drainText({ name, workloads }: HostView): string {
  if (workloads.length === 0) return printable(`${name}: takes nothing new; nothing is left on it`);
  const lines = workloads.map(workload => `  ${workload.name} (${workload.state})`);
  const unknown = workloads.some(({ state }) => state === 'unknown');
  return [
    `${name}: takes nothing new; ${several(workloads.length, 'workload')} left:`,
    ...lines,
    'to move one: mesh workload stop -w NAME, then mesh workload start -w NAME',
    ...(unknown ? ['unknown: its node is silent; mesh workload stop or mesh node forget gives it up'] : []),
  ]
    .map(printable)
    .join('\n');
}
