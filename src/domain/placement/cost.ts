import { type Curve, priceAt } from './curve.ts';
import { priceListOf } from './price.ts';

/** Rules by which a host prices what runs on it (tiCrypt document, "Cost Functions"). */
export interface CostFunction {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  /** Number of VMs. A curve that is absent costs nothing. */
  readonly vms?: Curve | undefined;
  readonly vcpus?: Curve | undefined;
  /** Bytes. */
  readonly memory?: Curve | undefined;
  /** Number of devices in use, by type. A type without a curve is not available. */
  readonly devices: ReadonlyMap<string, Curve>;
  readonly scale: number;
  /** Added at the end, not scaled. */
  readonly offset: number;
}

/** What runs on a host, as far as cost goes. */
export interface Usage {
  readonly vms: number;
  readonly vcpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly devices: DeviceCounts;
}

/** How many of each type. A map: the types are words of the user. */
export type DeviceCounts = ReadonlyMap<string, number>;

export const NOTHING: Usage = { vms: 0, vcpus: 0, memory: 0, devices: new Map() };

export interface Cost {
  /** Infinity: cannot be. */
  readonly total: number;
  /** What each thing adds to the total, scaled: their sum is the total. */
  readonly parts: CostParts;
}

export interface CostParts {
  readonly vms: number;
  readonly vcpus: number;
  readonly memory: number;
  /** Of the types in use. */
  readonly devices: Readonly<Record<string, number>>;
  readonly offset: number;
  /** For others of the same `placement.group` nearby; only where a group is asked for. */
  readonly spread?: number | undefined;
}

/** scale * (vms + vcpus + memory + devices) + offset (checklist TC-21), of a host that has this usage in all (TC-22). */
export function costOf(rules: CostFunction, { vms, vcpus, memory, devices }: Usage): Cost {
  const prices = priceListOf(rules);
  const used = [...devices].filter(([, count]) => count > 0);
  const parts = {
    vms: priceAt(prices.vms, vms),
    vcpus: priceAt(prices.vcpus, vcpus),
    memory: priceAt(prices.memory, memory),
    devices: Object.fromEntries(used.map(([type, count]) => [type, priceAt(prices.device(type), count)])),
    offset: prices.offset,
  };
  return { total: sumOf(parts), parts };
}

/** Infinity wins over everything, also over what is below any measure. The order of the sums is that of `Fleet`. */
export function sumOf({ vms, vcpus, memory, devices, offset, spread = 0 }: CostParts): number {
  const deviceCosts = Object.values(devices);
  if ([vms, vcpus, memory, ...deviceCosts].includes(Infinity)) return Infinity;
  return vms + vcpus + memory + deviceCosts.reduce((sum, cost) => sum + cost, 0) + offset + spread;
}

/** What a host uses when something more runs on it. */
export function plus(a: Usage, b: Usage): Usage {
  const devices = new Map(a.devices);
  for (const [type, count] of b.devices) devices.set(type, (devices.get(type) ?? 0) + count);
  return { vms: a.vms + b.vms, vcpus: a.vcpus + b.vcpus, memory: a.memory + b.memory, devices };
}
