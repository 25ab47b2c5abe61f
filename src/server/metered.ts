import type { Meter } from '../base/meter.ts';
import type { BootEvent, Timeline } from '../domain/node/timeline.ts';

/** A timeline that also counts what goes by. TFTP tells of its transfers in no other place. */
export function meteredTimeline(timeline: Timeline, meter: Meter): Timeline {
  return {
    record(event) {
      timeline.record(event);
      if (event.stage === 'problem') meter.count('pxen_boot_problems_total', {});
      if (event.protocol === 'tftp') countTransfer(event, meter);
    },
  };
}

function countTransfer({ stage, fault, bytes = 0, retransmissions = 0 }: BootEvent, meter: Meter): void {
  const failed = fault === 'aborted' ? 'failed' : 'refused';
  meter.count('pxen_tftp_transfers_total', { outcome: stage === 'problem' ? failed : 'complete' });
  meter.count('pxen_tftp_sent_bytes_total', {}, bytes);
  meter.count('pxen_tftp_retransmissions_total', {}, retransmissions);
}
