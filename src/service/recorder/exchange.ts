import type { UdpPeer } from '../../base/ports.ts';

/** An HTTP request and its answer, without the bodies. */
export interface HttpExchange {
  /** Microseconds since the epoch: when the request was read, and when the answer was out or the connection gone. */
  readonly at: number;
  readonly endedAt: number;
  readonly local: UdpPeer;
  readonly remote: UdpPeer;
  /** With the empty line. Secrets are masked. */
  readonly request: string;
  readonly response: string;
  /** Of the answer's body, as far as the system has taken it. */
  readonly bodyBytes: number;
  readonly complete: boolean;
}

/** A request head as it came, except for what would let its reader act for the node. */
export function masked(head: string): string {
  return head
    .replace(/^(authorization:[ \t]*(?:[a-z]+ )?).*$/gim, '$1(left out)')
    .replace(/([?&](?:t|token)=)[^&\s]*/gi, '$1(left-out)');
}
