import fc from 'fast-check';
import { expect, test } from 'vitest';
import { knownHostKey } from '../../src/domain/node/known-hosts.ts';
import { parseHostLook } from '../../src/domain/vm/libvirt/host-look.ts';
import { parseLook, wrapped } from '../../src/domain/vm/libvirt/look.ts';
import { complaintOf } from '../../src/domain/vm/libvirt/virsh.ts';
import { parseNote } from '../../src/service/libvirt/note.ts';
import { budget } from './budget.ts';

const UUID = '4400c981-174c-5af0-a009-873767aa0bbc';

/** Lines that virsh and the shell print, parts of some, and noise. */
const line = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.constantFrom(`@pxen ${UUID}`, '@pxen', '@boot', '@domains', UUID, '@memory', '@sockets', 'error: x'),
  fc
    .tuple(
      fc.constantFrom('state.state', 'state.reason', 'cpu.time', 'balloon.rss', 'net.0.rx.bytes'),
      fc.bigInt(),
    )
    .map(([key, value]) => `  ${key}=${value}`),
  fc.string().map(text => `<workload uuid="w"><run>${text}</run></workload>`),
);
const printed = fc.array(line, { maxLength: 30 }).map(lines => lines.join('\n'));

test('whatever virsh, a host or a file says: nothing is thrown, and numbers are numbers', () => {
  fc.assert(
    fc.property(printed, text => {
      for (const { usage, uuid } of parseLook(text)) {
        expect(uuid).toBe(UUID);
        expect(
          Object.values(usage ?? {}).filter(value => value !== undefined && !Number.isFinite(value)),
        ).toEqual([]);
      }
      const facts = parseHostLook(text);
      expect(facts?.domains.filter(domain => domain !== UUID) ?? []).toEqual([]);
      complaintOf(text);
      knownHostKey(text, 'hv1', 22);
      parseNote(text);
    }),
    budget('libvirt'),
  );
});

test('what is kept with a domain comes back, whatever it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), text => {
      const [sight] = parseLook(
        `@pxen ${UUID}\n  state.state=1\n<workload uuid="w"><run>${wrapped(text)}</run></workload>`,
      );
      expect(sight?.mark?.run).toBe(text);
    }),
    budget('libvirt'),
  );
});
