import { expect, test } from 'vitest';
import type { BootEvent } from '../../../src/domain/node/timeline.ts';
import { PromMeter } from '../../../src/io/metrics.ts';
import { meteredTimeline } from '../../../src/server/metered.ts';

test('TFTP transfers and problems are counted from the timeline, which hears of everything all the same', async () => {
  const heard: BootEvent[] = [];
  const meter = new PromMeter();
  const timeline = meteredTimeline({ record: event => void heard.push(event) }, meter);
  const tftp = { at: 0, text: '', protocol: 'tftp' } as const;
  timeline.record({ ...tftp, stage: 'nbp', bytes: 1000, retransmissions: 2 });
  timeline.record({
    ...tftp,
    stage: 'problem',
    step: 'nbp',
    fault: 'aborted',
    bytes: 500,
    retransmissions: 7,
  });
  timeline.record({ ...tftp, stage: 'problem', step: 'nbp', fault: 'missing' });
  timeline.record({ at: 0, text: '', stage: 'kernel', protocol: 'http', bytes: 9 });
  expect(heard).toHaveLength(4);
  const lines = (await meter.render(0, 'anybody'))
    .split('\n')
    .filter(line => /^pxen_(tftp|boot_problems)/.test(line));
  expect(lines).toEqual([
    'pxen_tftp_transfers_total{outcome="complete"} 1',
    'pxen_tftp_transfers_total{outcome="failed"} 1',
    'pxen_tftp_transfers_total{outcome="refused"} 1',
    'pxen_tftp_sent_bytes_total 1500',
    'pxen_tftp_retransmissions_total 9',
    'pxen_boot_problems_total 2',
  ]);
});
