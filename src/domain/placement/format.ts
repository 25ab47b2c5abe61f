import type { Cost } from './cost.ts';

/** A cost for people: at most four decimals. */
export function formatCost(cost: number): string {
  return Number.isFinite(cost) ? String(Number(cost.toFixed(4))) : String(cost);
}

/** A number for JSON, which has no Infinity: there it is the text "Infinity". */
export function jsonNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

/** `{total, parts}` for JSON. */
export function jsonCost({ total, parts }: Cost): object {
  const { vms, vcpus, memory, devices, offset, spread } = parts;
  return {
    total: jsonNumber(total),
    parts: {
      vms: jsonNumber(vms),
      vcpus: jsonNumber(vcpus),
      memory: jsonNumber(memory),
      devices: Object.fromEntries(Object.entries(devices).map(([type, cost]) => [type, jsonNumber(cost)])),
      offset: jsonNumber(offset),
      ...(spread === undefined ? {} : { spread: jsonNumber(spread) }),
    },
  };
}
