/** A PCI function in full, `0000:01:02.0`, lower case. */
export type PciAddress = string & { readonly brand: 'PciAddress' };

export interface Device {
  /** What workloads ask for, such as `nvidia-gpu`. */
  readonly type: string;
  readonly address: PciAddress;
}

export const PCI_FORM = 'a PCI address such as 0000:01:02.0 or 01:02.0';

/** `[DDDD:]BB:DD.F` in hex; the domain is 0000 when it is left out (checklist TC-31). */
export function parsePciAddress(text: string): PciAddress | undefined {
  const match = /^(?:([0-9a-f]{4}):)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/.exec(text.toLowerCase());
  if (!match) return undefined;
  const [, domain = '0000', bus, device, pciFunction] = match;
  return `${domain}:${bus}:${device}.${pciFunction}` as PciAddress;
}

/**
 * Free devices for what is wanted: of `before` what is still free, then the lowest addresses; undefined when there are not
 * enough of one type.
 */
export function allocateDevices(
  devices: readonly Device[],
  taken: ReadonlySet<PciAddress>,
  wanted: ReadonlyMap<string, number>,
  before: readonly Device[] = [],
): readonly Device[] | undefined {
  const had = new Set(before.map(({ address }) => address));
  const free = devices
    .filter(device => !taken.has(device.address))
    .toSorted(
      (a, b) => Number(had.has(b.address)) - Number(had.has(a.address)) || (a.address < b.address ? -1 : 1),
    );
  const chosen: Device[] = [];
  for (const [type, count] of wanted) {
    const found = free.filter(device => device.type === type).slice(0, count);
    if (found.length < count) return undefined;
    chosen.push(...found);
  }
  return chosen;
}
