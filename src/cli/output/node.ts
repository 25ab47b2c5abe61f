import type { NodeDetail } from '../../api/nodes.ts';
import type { WorkloadView } from '../../api/workloads.ts';
import { formatBytes } from '../../base/bytes.ts';
import { several } from '../../base/diagnostic.ts';
import type { Context } from '../context.ts';
import { age, ago, facts, printable } from './table.ts';
import { workloadTable } from './workload.ts';

/** One node for people: who it is, what it is made of, what runs on it, and its last boot step by step. */
export function nodeInFull(
  context: Context,
  node: NodeDetail,
  workloads: readonly WorkloadView[] = [],
): string {
  const sections = [facts(identityOf(context, node)), ...hardwareOf(node)];
  if (workloads.length > 0) sections.push(workloadTable(context, workloads));
  return [...sections, ...lastBootOf(node)].join('\n\n');
}

type Pairs = (readonly [string, string])[];

function identityOf(context: Context, node: NodeDetail): Pairs {
  const { dhcp, script, init, agent } = node.agreement;
  return [
    ['node', node.name === undefined ? node.id : `${node.id} (${node.name})`],
    ['state', node.problem === undefined ? node.state : `${node.state}: ${node.problem}`],
    ...(node.diagnosis ? [['why', node.diagnosis.sentence] as const] : []),
    ['address', node.address ?? '-'],
    ['system uuid', node.uuid ?? '-'],
    ['network cards', node.macs.join(', ') || '-'],
    [
      'id according to',
      `dhcp ${dhcp ?? '-'}, boot script ${script ?? '-'}, init ${init ?? '-'}, agent ${agent ?? '-'}`,
    ],
    ['overlay', overlayText(node)],
    ...(node.folderProblems ?? []).map(problem => ['folder', problem] as const),
    ['ssh host key', node.hostKey === undefined ? '-' : `${node.hostKey.line} (${node.hostKey.from})`],
    ['first seen', new Date(node.firstSeenAt).toISOString()],
    ['last seen', ago(context.now() - node.lastSeenAt)],
  ];
}

function overlayText({ id, name, overlay, trust }: NodeDetail): string {
  if (trust === undefined) return '-';
  const which = trust === 'token' ? 'its own' : 'the default one';
  if (overlay?.current === undefined) return which;
  if (overlay.current) return `${which}, current`;
  const served = trust === 'lease' && name !== undefined ? 'it has its own now' : 'older than what is served';
  return `${which}, ${served}: reboot to get it (mesh overlay diff ${id} shows what changes)`;
}

function hardwareOf(node: NodeDetail): string[] {
  const { facts: f, load } = node;
  if (!f) return [];
  const kvm = f.kvm.reason === undefined ? f.kvm.state : `${f.kvm.state}: ${f.kvm.reason}`;
  const pairs: Pairs = [
    [
      'cpu',
      [
        f.cpu.model,
        several(f.cpu.sockets, 'socket'),
        several(f.cpu.cores, 'core'),
        several(f.cpu.threads, 'thread'),
      ].join(', '),
    ],
    ['cpu flags', f.cpu.flags.join(' ') || '-'],
    [
      'memory',
      formatBytes(f.memoryKib * 1024) + (load ? `, ${formatBytes(load.availableKib * 1024)} available` : ''),
    ],
    ['kvm', kvm],
    ['kernel', f.software.kernel],
    ['system', [f.software.os, f.software.image].filter(Boolean).join(', image ')],
    [
      'agent',
      `${f.software.agent}, node ${f.software.node}${f.software.qemu === undefined ? '' : `, qemu ${f.software.qemu}`}`,
    ],
    ...enginesOf(f.software.engines),
    ...f.nics.map(nic => [`nic ${nic.name}`, nicText(nic)] as const),
    ...f.disks.map(
      disk => [`disk ${disk.name}`, `${formatBytes(disk.bytes)} ${disk.model ?? ''}`.trim()] as const,
    ),
    ...f.bridges.map(bridge => [`bridge ${bridge.name}`, bridge.members.join(', ') || 'no members'] as const),
    ['pci devices', String(f.pci.length)],
  ];
  if (load) pairs.push(['load', `${load.average.toFixed(2)}, up ${age(load.uptimeSeconds * 1000)}`]);
  return [facts(pairs)];
}

/** An older agent does not tell. */
function enginesOf(engines: readonly string[] | undefined): Pairs {
  return engines === undefined ? [] : [['engines', engines.join(', ') || 'none']];
}

function nicText(nic: NonNullable<NodeDetail['facts']>['nics'][number]): string {
  const link = nic.carrier ? (nic.speed === undefined ? 'link' : `${nic.speed} Mbit/s`) : 'no link';
  return [nic.mac, nic.driver, link, ...nic.addresses].filter(Boolean).join(', ');
}

function lastBootOf(node: NodeDetail): string[] {
  const boot = node.boots.at(-1);
  if (!boot) return [];
  const lines = boot.events.map(event => {
    const seconds = ((event.at - boot.startedAt) / 1000).toFixed(2).padStart(8);
    const size = event.bytes === undefined ? '' : ` (${formatBytes(event.bytes)})`;
    return `${seconds} s  ${event.stage.padEnd(9)}  ${printable(event.text)}${size}`;
  });
  const left =
    boot.dropped > 0 ? [`          (${several(boot.dropped, 'event')} in the middle left out)`] : [];
  return [[`last boot, ${new Date(boot.startedAt).toISOString()}`, ...lines, ...left].join('\n')];
}
