/** How a running machine gives up what one of its volumes is and gets something else: as data, for the driver. */
export type Swap = MediumSwap | DiskSwap;

/** Another disc in a drive that stays. */
export interface MediumSwap {
  readonly kind: 'medium';
  /** Its id for the engine. */
  readonly drive: string;
  /** Files, as the engine sees them. */
  readonly from: string;
  readonly to: string;
}

/** Another disk where one was unplugged. */
export interface DiskSwap {
  readonly kind: 'disk';
  readonly drive: string;
  readonly from: Plug;
  readonly to: Plug;
}

/** A disk in the words of the engine's command line. */
export interface Plug {
  readonly drive: string;
  readonly device: string;
}

/** The same way back. */
export function reversed(swap: Swap): Swap {
  return swap.kind === 'medium'
    ? { ...swap, from: swap.to, to: swap.from }
    : { ...swap, from: swap.to, to: swap.from };
}
