import type { PlacementView, PlanView } from '../../api/placement.ts';
import { formatBytes } from '../../base/bytes.ts';
import { several } from '../../base/diagnostic.ts';
import type { Piece } from '../../domain/placement/curve.ts';
import { formatCost } from '../../domain/placement/format.ts';
import type { HostCost, Placement } from '../../domain/placement/place.ts';
import type { Plan } from '../../domain/placement/plan.ts';
import { plotOf } from './plot.ts';
import { printable, table } from './table.ts';

/** A cost as pxend writes it in JSON. */
type JsonCost = PlacementView['costs'][number]['total'];

function costFrom(value: JsonCost): number {
  return value === 'Infinity' ? Infinity : value;
}

export function costText(value: JsonCost | undefined): string {
  return value === undefined ? '-' : formatCost(costFrom(value));
}

/** What pxend decided, as the planner itself tells it. */
export function placementFrom({ host, reasons, costs }: PlacementView): Placement {
  return {
    host,
    reasons,
    costs: costs.map(({ host: name, total, parts: { devices, ...parts } }) => ({
      host: name,
      total: costFrom(total),
      parts: {
        vms: costFrom(parts.vms),
        vcpus: costFrom(parts.vcpus),
        memory: costFrom(parts.memory),
        devices: Object.fromEntries(Object.entries(devices).map(([type, cost]) => [type, costFrom(cost)])),
        offset: costFrom(parts.offset),
        ...(parts.spread === undefined ? {} : { spread: costFrom(parts.spread) }),
      },
    })),
  };
}

export function planFrom({ placements, placed, cost, oneByOne }: PlanView): Plan {
  return {
    placements,
    score: { placed, cost: costFrom(cost) },
    oneByOne: { placed: oneByOne.placed, cost: costFrom(oneByOne.cost) },
  };
}

type CostCurve = NonNullable<PlacementView['curves']>['of'][number];

/** Every curve of a host, drawn, with the point where the VM would be. */
export function curvesText(
  { host, of: curves }: NonNullable<PlacementView['curves']>,
  width: number,
): string {
  return curves.map(curve => curveText(host, curve, width)).join('\n\n');
}

function curveText(host: string, curve: CostCurve, width: number): string {
  const { at, cost, part, type = part } = curve;
  const amount = part === 'memory' ? formatBytes(at) : formatCost(at);
  const head = `${host}: ${type} at ${amount} costs ${costText(cost)} (O)`;
  return `${printable(head)}\n${plotOf(curve.pieces.map(pieceFrom), [at], width, at)}`;
}

/** JSON has no Infinity: a bound that there is not is left out. */
function pieceFrom({ above = -Infinity, upTo = Infinity, ...piece }: CostCurve['pieces'][number]): Piece {
  return { above, upTo, ...piece };
}

/** Where one VM goes, what every host would cost, and why the others are not it. */
export function placementText(name: string, { host, reasons, costs }: Placement): string {
  const head = host === null ? `${name} fits nowhere` : `${name} goes to ${host}`;
  const sections = [
    printable(head),
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
