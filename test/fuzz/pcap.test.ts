import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Capture, encodePcapng } from '../../src/wire/pcap/pcapng.ts';
import { decodePcapng } from '../../src/wire/pcap/read.ts';
import { budget } from './budget.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const packet = fc.record(
  {
    at: fc.integer({ min: 0, max: 4_000_000_000_000_000 }),
    frame: fc.uint8Array({ maxLength: 100 }),
    comment: text,
  },
  { requiredKeys: ['at', 'frame'] },
);
const capture: fc.Arbitrary<Capture> = fc.record({
  application: text,
  comment: text,
  interface: text,
  packets: fc.array(packet, { maxLength: 5 }),
});

test('whatever is written is read again as it was', () => {
  fc.assert(
    fc.property(capture, written => {
      expect(decodePcapng(encodePcapng(written))).toEqual(written);
    }),
    budget('pcapng round trip'),
  );
});

/** A good file with some bytes changed, or cut off. */
const damaged = fc
  .tuple(capture, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }), fc.nat())
  .map(([good, changes, end]) => {
    const bytes = encodePcapng(good);
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    return end % 3 === 0 ? bytes.subarray(0, end % bytes.length) : bytes;
  });

test('a damaged file is read or refused with a reason, and never throws', () => {
  fc.assert(
    fc.property(damaged, bytes => {
      const read = decodePcapng(bytes);
      if ('problem' in read) expect(read.problem).not.toBe('');
      else expect(read.packets.every(({ frame }) => frame.length <= bytes.length)).toBe(true);
    }),
    budget('pcapng reader'),
  );
});
