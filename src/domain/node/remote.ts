import { PxenError } from '../../base/error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { MachineId } from '../machine/genid.ts';

/** A node to run a command on. */
export interface CtlTarget {
  readonly node: MachineId;
  /** Absent: it has no address now. */
  readonly address: Ipv4 | undefined;
  /** The public key line that the node must show; absent: it has told none in this boot. */
  readonly hostKey: string | undefined;
}

/** Where to connect to. Throws NODE_UNREACHABLE when that is not known. */
export function reachable({ address, hostKey, node }: CtlTarget): { address: Ipv4; hostKey: string } {
  if (!address) {
    throw new PxenError('NODE_UNREACHABLE', `${node} has no address now`, {
      details: [`is it switched on? see its last boot: mesh node info ${node}`],
    });
  }
  if (!hostKey) {
    throw new PxenError(
      'NODE_UNREACHABLE',
      `${node}: host0 knows no SSH host key of this node, and connects to nobody unverified`,
      {
        details: [
          'its agent tells the key with its first report; an overlay of its own brings one made by host0',
        ],
      },
    );
  }
  return { address, hostKey };
}

/** A shell command for one node, by SSH. */
export interface RemoteCommand {
  readonly address: string;
  /** The public key line that the node must show. */
  readonly hostKey: string;
  readonly command: string;
  /** Milliseconds for everything, connecting included. */
  readonly timeout: number;
  /** Aborted when the caller is gone: the connection is closed. */
  readonly signal: AbortSignal;
  /** Output in whole characters. While the promise it returns is open, the node is made to wait. */
  readonly onOutput: (stream: 'stdout' | 'stderr', data: string) => void | Promise<void>;
}

/** How a command ended: with `exit`, or by a signal, and then `exit` is null. */
export interface RemoteEnd {
  readonly exit: number | null;
  readonly signal?: string | undefined;
}

/** Runs one command on one node. Rejects with NODE_UNREACHABLE, HOST_KEY_MISMATCH, UNAUTHORIZED or TIMEOUT. */
export type RunRemote = (command: RemoteCommand) => Promise<RemoteEnd>;
