import type { Engine } from '../../workload/workload.ts';

/** A device and what it stands on. */
export interface Part {
  /** Options in front of the device: `-netdev ...`. */
  readonly backend: readonly string[];
  /** The value of its `-device`. */
  readonly device: string;
  /** It takes a PCI slot. */
  readonly pci: boolean;
}

/** How virtio devices are reached, as the end of their names: PCI, or the slots of microvm (MMIO). */
export type Transport = 'pci' | 'device';

export function transportOf(engine: Engine): Transport {
  return engine === 'microvm' ? 'device' : 'pci';
}

/** The board's bus has 32 slots. Chipset, screen, tablet, entropy and the four bridges that 64 volumes and 64 NICs need take 9. */
const ON_BOARD = 16;
/** A bridge has 32, the first of which its hot-plug controller takes. */
const ON_BRIDGE = 31;

/** The devices in their order; from the 17th on PCI those that need a slot are behind bridges. */
export function pluggedIn(parts: readonly Part[]): string[] {
  const count = parts.filter(({ pci }) => pci).length;
  let slot = 0;
  const devices = parts.flatMap(({ backend, device, pci }) => {
    const bus = pci ? busOf(slot++) : '';
    return [...backend, '-device', `${device}${bus}`];
  });
  return [...bridges(Math.ceil((count - ON_BOARD) / ON_BRIDGE)), ...devices];
}

function busOf(slot: number): string {
  return slot < ON_BOARD ? '' : `,bus=bridge${Math.floor((slot - ON_BOARD) / ON_BRIDGE)}`;
}

function bridges(count: number): string[] {
  return Array.from({ length: Math.max(0, count) }, (_, index) => [
    '-device',
    `pci-bridge,id=bridge${index},chassis_nr=${index + 1}`,
  ]).flat();
}
