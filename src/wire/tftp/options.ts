import type { OptionMap } from './packet.ts';

/** What a transfer uses after negotiation; the defaults are those of RFC 1350. */
export interface TransferOptions {
  /** Bytes of a full block. */
  readonly blksize: number;
  /** Blocks before an acknowledgement is due. */
  readonly windowsize: number;
  /** The client's wish for the time until a retransmission, milliseconds; undefined when it has none. */
  readonly timeoutMs: number | undefined;
}

export interface Negotiation extends TransferOptions {
  /** What the OACK says, in the client's order; empty: no OACK is sent. */
  readonly accepted: OptionMap;
}

/** IPv4 (20) and UDP (8) headers and the DATA header (4): a larger block would be fragmented, and firmware drops fragments. */
const HEADERS = 32;
const LARGEST_WINDOW = 64;

/**
 * RFC 2347: only what is understood and valid is acknowledged; the rest is left out, and the client goes on without.
 * RFC 2348 lets the server answer with a smaller blksize, RFC 7440 with a smaller windowsize; timeout comes back as asked.
 */
export function negotiate(asked: OptionMap, limits: { mtu: number }, fileSize: number): Negotiation {
  const accepted = new Map<string, string>();
  for (const [name, value] of asked) {
    const number = parseNumber(value);
    const answer = number === undefined ? undefined : answerTo(name, number, limits.mtu, fileSize);
    if (answer !== undefined) accepted.set(name, String(answer));
  }
  const timeout = accepted.get('timeout');
  return {
    accepted,
    blksize: Number(accepted.get('blksize') ?? 512),
    windowsize: Number(accepted.get('windowsize') ?? 1),
    timeoutMs: timeout === undefined ? undefined : Number(timeout) * 1000,
  };
}

function answerTo(name: string, value: number, mtu: number, fileSize: number): number | undefined {
  switch (name) {
    case 'blksize': // RFC 2348: 8 to 65464
      return within(value, 8, 65464) ? Math.min(value, Math.max(8, mtu - HEADERS)) : undefined;
    case 'windowsize': // RFC 7440: 1 to 65535
      return within(value, 1, 65535) ? Math.min(value, LARGEST_WINDOW) : undefined;
    case 'timeout': // RFC 2349: 1 to 255 seconds
      return within(value, 1, 255) ? value : undefined;
    case 'tsize': // RFC 2349: 0 in the request; a few clients put a guess there, and the true size is the answer all the same
      return fileSize;
    default:
      return undefined;
  }
}

function within(value: number, low: number, high: number): boolean {
  return value >= low && value <= high;
}

function parseNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
