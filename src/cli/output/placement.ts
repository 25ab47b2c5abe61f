import { several } from '../../base/diagnostic.ts';
import { formatCost } from '../../domain/placement/format.ts';
import type { HostCost, Placement } from '../../domain/placement/place.ts';
import type { Plan } from '../../domain/placement/plan.ts';
import { printable, table } from './table.ts';

/** Where one VM goes, what every host would cost, and why the others are not it. */
export function placementText(name: string, { host, reasons, costs }: Placement): string {
  const head = host === null ? `${name} fits nowhere` : `${name} goes to ${host}`;
  const sections = [
    head,
    ...(costs.length > 0 ? [table(COST_HEAD, costs.map(costRow))] : []),
    ...(reasons.length > 0 ? [reasons.map(printable).join('\n')] : []),
  ];
  return sections.join('\n\n');
}

const COST_HEAD = ['HOST', 'COST', 'VMS', 'VCPUS', 'MEMORY', 'DEVICES', 'OFFSET', 'SPREAD'];

function costRow({ host, total, parts }: HostCost): readonly string[] {
  const devices = Object.entries(parts.devices).map(([type, cost]) => `${type} ${formatCost(cost)}`);
  return [
    host,
    formatCost(total),
    formatCost(parts.vms),
    formatCost(parts.vcpus),
    formatCost(parts.memory),
    devices.join(', ') || '-',
    formatCost(parts.offset),
    parts.spread === undefined ? '-' : formatCost(parts.spread),
  ];
}

/** Where all VMs of a plan go, and what planning them together was good for. */
export function planText({ placements, score, oneByOne }: Plan): string {
  const rows = placements.map(({ name, host }) => [name, host ?? 'fits nowhere']);
  const reasons = placements.flatMap(({ name, reasons: lines }) =>
    lines.length > 0 ? [`${name}:`, ...lines.map(line => `  ${line}`)] : [],
  );
  return [
    table(['VM', 'HOST'], rows),
    ...(reasons.length > 0 ? [reasons.map(printable).join('\n')] : []),
    summary(placements.length, score, oneByOne),
  ].join('\n\n');
}

function summary(all: number, score: Plan['score'], oneByOne: Plan['score']): string {
  const more = score.placed - oneByOne.placed;
  const result = `${score.placed} of ${several(all, 'VM')} placed, all hosts together cost ${formatCost(score.cost)}`;
  const saved = oneByOne.cost - score.cost;
  const share = oneByOne.cost > 0 ? ` (${((100 * saved) / oneByOne.cost).toFixed(1)} %)` : '';
  if (more > 0) return `${result}; one by one, ${several(more, 'VM')} fewer would have a host`;
  if (saved > 0) return `${result}; that is ${formatCost(saved)}${share} less than one by one`;
  return `${result}, as one by one`;
}
