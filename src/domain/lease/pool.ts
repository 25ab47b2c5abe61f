import { type Cidr, type Ipv4, ipv4FromNumber, ipv4ToNumber, networkRange } from '../../base/ipv4.ts';

/** Addresses from `first` to `last`, both included. */
export interface AddressRange {
  readonly first: Ipv4;
  readonly last: Ipv4;
}

interface Span {
  readonly first: number;
  readonly last: number;
}

/**
 * The addresses that may be given out: those of the ranges, without the network's own first and last address and
 * without `reserved` (the server, the router, what is kept for one card). It knows nothing of leases.
 */
export class AddressPool {
  readonly network: Cidr;
  readonly ranges: readonly AddressRange[];
  /** How many addresses there are. */
  readonly size: number;
  readonly #spans: readonly Span[];
  readonly #excluded: ReadonlySet<number>;

  constructor(network: Cidr, ranges: readonly AddressRange[], reserved: readonly Ipv4[]) {
    const { first, last } = networkRange(network);
    this.network = network;
    this.ranges = ranges;
    this.#spans = disjoint(
      ranges.map(range => ({
        first: Math.max(first, ipv4ToNumber(range.first)),
        last: Math.min(last, ipv4ToNumber(range.last)),
      })),
    );
    this.#excluded = new Set([first, last, ...[network.address, ...reserved].map(ipv4ToNumber)]);
    const spanned = this.#spans.reduce((sum, span) => sum + span.last - span.first + 1, 0);
    this.size = spanned - [...this.#excluded].filter(value => this.#spansHold(value)).length;
  }

  has(address: Ipv4): boolean {
    const value = ipv4ToNumber(address);
    return this.#spansHold(value) && !this.#excluded.has(value);
  }

  /** Every address, ascending. */
  *addresses(): Generator<Ipv4, undefined> {
    for (const span of this.#spans)
      for (let value = span.first; value <= span.last; value++)
        if (!this.#excluded.has(value)) yield ipv4FromNumber(value);
    return undefined;
  }

  #spansHold(value: number): boolean {
    for (const span of this.#spans) if (value >= span.first && value <= span.last) return true;
    return false;
  }
}

/** In ascending order, with what overlaps counted once. */
function disjoint(spans: readonly Span[]): Span[] {
  const ascending = [...spans].sort((a, b) => a.first - b.first);
  let end = -1;
  return ascending.flatMap(span => {
    const first = Math.max(span.first, end + 1);
    end = Math.max(end, span.last);
    return first <= span.last ? [{ first, last: span.last }] : [];
  });
}

/** `10.77.0.100-10.77.0.200`, for messages. */
export function formatRanges(ranges: readonly AddressRange[]): string {
  return ranges.map(range => `${range.first}-${range.last}`).join(', ');
}
