import { formatBytes } from '../../base/bytes.ts';
import { quote } from '../../base/diagnostic.ts';
import type { Refusal } from '../../base/served.ts';
import { stageOfFile } from '../../domain/boot/stages.ts';
import type { BootEvent, BootStage } from '../../domain/node/timeline.ts';
import { ERROR } from '../../wire/tftp/packet.ts';
import type { TransferOutcome, TransferState } from '../../wire/tftp/transfer.ts';

/** How a request ended, for the log and the timeline. */
export interface Ending {
  readonly level: 'debug' | 'info' | 'warn';
  readonly text: string;
  /** Absent: no event on the timeline. */
  readonly stage?: BootStage | undefined;
  readonly bytes?: number;
  readonly milliseconds?: number;
  /** For the waterfall and the diagnosis. */
  readonly facts?: Pick<BootEvent, 'file' | 'total' | 'retransmissions' | 'step' | 'fault'>;
}

/** The ERROR packet for a refused request. */
export interface TftpRefusal {
  readonly code: number;
  readonly text: string;
}

export const READ_ONLY: TftpRefusal = { code: ERROR.accessViolation, text: 'this server is read-only' };

export function unknownMode(mode: string): TftpRefusal {
  return { code: ERROR.illegalOperation, text: `unknown mode ${quote(mode)}, expected octet` };
}

export function refusalOf({ reason, text }: Refusal): TftpRefusal {
  const codes = { missing: ERROR.notFound, forbidden: ERROR.accessViolation, unreadable: ERROR.undefined };
  return { code: codes[reason], text };
}

export function endingOf(
  filename: string,
  outcome: TransferOutcome,
  state: TransferState,
  milliseconds: number,
): Ending {
  const name = quote(filename);
  const { size } = state.plan;
  switch (outcome.kind) {
    case 'probe':
      return { level: 'debug', text: `${name}: the client took no data` };
    case 'failed':
      return {
        level: 'warn',
        stage: 'problem',
        text: `TFTP ${name} failed after ${formatBytes(bytesAcknowledged(state))} of ${formatBytes(size)}: ${outcome.reason}`,
        bytes: bytesAcknowledged(state),
        milliseconds,
        facts: {
          file: filename,
          total: size,
          retransmissions: state.retransmitted,
          step: stageOfFile(filename),
          fault: 'aborted',
        },
      };
    case 'complete':
      return {
        level: 'info',
        stage: stageOfFile(filename),
        text: `TFTP ${name}, ${formatBytes(size)} in ${milliseconds} ms${retransmissions(state.retransmitted)}`,
        bytes: size,
        milliseconds,
        facts: { file: filename, retransmissions: state.retransmitted },
      };
  }
}

/** Firmware and loaders try names that need not exist; only a boot file that is refused is a problem of that boot. */
export function endingOfRefusal(filename: string, refusal: TftpRefusal): Ending {
  return {
    level: 'info',
    stage: stageOfFile(filename) && 'problem',
    text: `TFTP refused ${quote(filename)}: ${refusal.text}`,
    facts: {
      file: filename,
      step: stageOfFile(filename),
      fault: refusal.code === ERROR.notFound ? 'missing' : 'forbidden',
    },
  };
}

function bytesAcknowledged({ acked, plan }: TransferState): number {
  return Math.min(plan.size, Math.max(0, acked) * plan.blksize);
}

function retransmissions(count: number): string {
  if (count === 0) return '';
  return count === 1 ? ', 1 packet sent again' : `, ${count} packets sent again`;
}
