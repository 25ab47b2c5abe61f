import { coscheduleLimit, mayJoin } from './coschedule.ts';
import type { DeviceCounts } from './cost.ts';
import { priceAt } from './curve.ts';
import { biggestVm } from './feasible.ts';
import { type PriceList, priceListOf } from './price.ts';
import { deviceCounts } from './profile.ts';
import {
  costFunctionOf,
  type HostView,
  type PlacementRequest,
  profileOf,
  type Snapshot,
} from './snapshot.ts';

/**
 * One host with what was put on it. What does not depend on the next VM is worked out when it changes, so that asking
 * for a price is a few additions.
 */
export class Berth {
  readonly view: HostView;
  /**
   * What it costs as it is, the offset for each VM that is on it; nothing while nothing runs on it. Counted once, the
   * offset would be no price at all for who joins others there.
   */
  cost = 0;
  /** The same without the offset. */
  bareCost = 0;
  readonly #prices: PriceList | undefined;
  readonly #most: { readonly vcpus: number; readonly memory: number };
  readonly #listed: DeviceCounts;
  readonly #devices: Map<string, number>;
  readonly #coschedule: number[];
  #vms: number;
  #vcpus: number;
  #memory: number;
  #limit = Infinity;
  #deviceCost = 0;
  #nextVm = 0;

  constructor(snapshot: Snapshot, view: HostView) {
    const profile = profileOf(snapshot, view);
    const rules = profile && costFunctionOf(snapshot, profile);
    this.view = view;
    this.#prices = rules && priceListOf(rules);
    this.#most = profile ? biggestVm(view, profile) : { vcpus: 0, memory: 0 };
    this.#listed = deviceCounts(profile?.devices ?? []);
    this.#devices = new Map(view.usage.devices);
    this.#coschedule = view.coschedule.filter(value => value >= 0);
    this.#vms = view.usage.vms;
    this.#vcpus = view.usage.vcpus;
    this.#memory = view.usage.memory;
    this.#settle();
  }

  /** What it would cost in all with a VM more, apart from spreading; Infinity when the VM cannot be there. */
  totalWith({ vcpus, memory, devices, coschedule }: PlacementRequest): number {
    if (!this.hasRoom(vcpus, memory, devices, coschedule) || !this.#prices) return Infinity;
    const vcpuCost = priceAt(this.#prices.vcpus, this.#vcpus + vcpus);
    const memoryCost = priceAt(this.#prices.memory, this.#memory + memory);
    const deviceCost = devices.size === 0 ? this.#deviceCost : this.#deviceCostWith(this.#prices, devices);
    if (this.#nextVm === Infinity || vcpuCost === Infinity || memoryCost === Infinity) return Infinity;
    return this.#nextVm + vcpuCost + memoryCost + deviceCost + this.#prices.offset;
  }

  hasRoom(vcpus: number, memory: number, devices: DeviceCounts, coschedule: number): boolean {
    if (vcpus > this.#most.vcpus || memory > this.#most.memory) return false;
    if (!mayJoin(this.#vms, this.#limit, coschedule)) return false;
    return devices.size === 0 || this.#hasDevices(devices);
  }

  #hasDevices(wanted: DeviceCounts): boolean {
    for (const [type, count] of wanted)
      if (count > Math.max(0, (this.#listed.get(type) ?? 0) - (this.#devices.get(type) ?? 0))) return false;
    return true;
  }

  put(request: PlacementRequest): void {
    if (request.coschedule >= 0) this.#coschedule.push(request.coschedule);
    this.#change(request, 1);
  }

  /** Takes away a VM that was put here. */
  take(request: PlacementRequest): void {
    const at = this.#coschedule.indexOf(request.coschedule);
    if (at >= 0) this.#coschedule.splice(at, 1);
    this.#change(request, -1);
  }

  #change({ vcpus, memory, devices }: PlacementRequest, sign: 1 | -1): void {
    this.#vms += sign;
    this.#vcpus += sign * vcpus;
    this.#memory += sign * memory;
    for (const [type, count] of devices)
      this.#devices.set(type, (this.#devices.get(type) ?? 0) + sign * count);
    this.#settle();
  }

  #settle(): void {
    if (!this.#prices) return;
    this.#limit = coscheduleLimit(this.#coschedule);
    this.#nextVm = priceAt(this.#prices.vms, this.#vms + 1);
    this.#deviceCost = this.#deviceCostWith(this.#prices, NO_DEVICES);
    this.bareCost = this.#vms > 0 ? this.#costNow(this.#prices) : 0;
    this.cost = this.bareCost + this.#vms * this.#prices.offset;
  }

  #costNow({ vms, vcpus, memory }: PriceList): number {
    const uses = priceAt(vms, this.#vms) + priceAt(vcpus, this.#vcpus) + priceAt(memory, this.#memory);
    return uses + this.#deviceCost;
  }

  #deviceCostWith(prices: PriceList, more: DeviceCounts): number {
    let cost = 0;
    for (const [type, count] of this.#devices) {
      const all = count + (more.get(type) ?? 0);
      if (all > 0) cost += priceAt(prices.device(type), all);
    }
    for (const [type, count] of more)
      if (count > 0 && !this.#devices.has(type)) cost += priceAt(prices.device(type), count);
    return cost;
  }
}

const NO_DEVICES: DeviceCounts = new Map();
