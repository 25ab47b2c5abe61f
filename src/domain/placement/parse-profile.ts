import type { Fields } from '../hocon/fields.ts';
import { BYTES, hint, POSITIVE_COUNT, TEXT } from '../hocon/values.ts';
import type { CostFunction } from './cost.ts';
import { hasPrice } from './curve.ts';
import type { Device, PciAddress } from './pci.ts';
import type { HardwareProfile } from './profile.ts';
import { PCI_ADDRESS, WORD } from './value-types.ts';

/** A hardware profile from the fields of its object (checklist TC-30), undefined when something that it needs is missing or wrong. */
export function parseProfile(
  id: string,
  fields: Fields,
  costFunctions: ReadonlyMap<string, CostFunction>,
): HardwareProfile | undefined {
  const name = fields.optional('name', TEXT) ?? id;
  const description = fields.optional('description', TEXT) ?? '';
  const cores = fields.required('cores', POSITIVE_COUNT);
  const memory = fields.required('memory', BYTES);
  const devices = parseDevices(fields);
  const costFunction = fields.required('cost-function', TEXT);
  fields.refuseOthers();
  if (cores === undefined || memory === undefined || costFunction === undefined) return undefined;
  const rules = costFunctions.get(costFunction);
  const profile = { id, name, description, cores, memory, devices, costFunction };
  if (rules) refuseUnusable(fields, rules, profile);
  else fields.wrong('cost-function', knownIds('a cost function', [...costFunctions.keys()], costFunction));
  return profile;
}

/** What should stand where an id is named that there is not. */
export function knownIds(what: string, known: readonly string[], got: string): string {
  if (known.length === 0) return `the id of ${what}, and there is none`;
  const near = hint(got, known);
  return near === '' ? `the id of ${what}: ${known.slice(0, 20).join(', ')}` : `the id of ${what}${near}`;
}

/** A function that has a price only for more than a single VM can have on this hardware: no host can satisfy it. */
function refuseUnusable(fields: Fields, rules: CostFunction, { cores, memory }: HardwareProfile): void {
  const most = { vms: 1, vcpus: cores, memory } as const;
  for (const resource of ['vms', 'vcpus', 'memory'] as const) {
    const curve = rules[resource];
    if (curve && hasPrice(curve, 1, Infinity) && !hasPrice(curve, 1, most[resource]))
      fields.wrong(
        'cost-function',
        `one that lets a first VM onto this hardware: its ${resource} has no price up to ${most[resource]}`,
      );
  }
}

function parseDevices(fields: Fields): readonly Device[] {
  const lines = new Map<PciAddress, number>();
  return fields.items('devices').flatMap(item => {
    const type = item.required('type', WORD);
    const address = item.required('addr', PCI_ADDRESS);
    item.refuseOthers();
    const other = address && lines.get(address);
    if (other !== undefined)
      item.wrong('addr', `each address once in a profile: ${address} stands on line ${other}`);
    if (type === undefined || !address || other !== undefined) return [];
    lines.set(address, item.object.origin.line);
    return { type, address };
  });
}
