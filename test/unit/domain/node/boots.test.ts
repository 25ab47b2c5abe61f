import { describe, expect, test } from 'vitest';
import { addBootId, addEvent, type Boot, MAX_BOOTS, MAX_EVENTS } from '../../../../src/domain/node/boots.ts';
import type { BootEvent, BootStage } from '../../../../src/domain/node/timeline.ts';

/** `discover/ipxe` is a DISCOVER of iPXE; the time is the place in the list. */
function bootsOf(steps: readonly string[]): Boot[] {
  return steps.reduce<Boot[]>((boots, step, at) => {
    const [stage, client] = step.split('/') as [BootStage, BootEvent['client']];
    return addEvent(boots, { at, stage, text: step, client });
  }, []);
}

const stages = (boots: readonly Boot[]): string[] =>
  boots.map(boot => boot.events.map(event => event.text).join(' '));

describe('a boot is what happens from one first DISCOVER of the firmware to the next', () => {
  const chain = 'discover/firmware offer ack nbp discover/ipxe offer ack script kernel initramfs';
  const cases: [string, string[], string[]][] = [
    [
      'the DISCOVERs of iPXE and of the init belong to it',
      [chain, 'discover/os ack init overlay agent'],
      [''],
    ],
    [
      'a firmware that repeats itself unanswered is still in its first boot',
      ['discover/firmware discover/firmware offer'],
      [''],
    ],
    [
      'the firmware after a boot that stopped early begins a new one',
      ['discover/firmware offer ack nbp', 'discover/firmware offer'],
      ['', ''],
    ],
    [
      'an iPXE in the ROM of the card begins boots as well',
      ['discover/ipxe ack script kernel', 'discover/ipxe ack'],
      ['', ''],
    ],
    ['the init of a system never does', ['discover/ipxe ack script agent discover/os ack'], ['']],
  ];
  test.each(cases)('%s', (_, pieces, wanted) => {
    const steps = pieces.join(' ').split(' ');
    const expected = wanted.length === 1 ? [steps.join(' ')] : pieces;
    expect(stages(bootsOf(steps))).toEqual(expected);
  });

  test('a service that does not say who it heard is judged by option 97: with it iPXE or firmware, without it a system', () => {
    const first = bootsOf(['discover/ipxe', 'script', 'kernel']);
    const event = { at: 10, stage: 'discover', text: 'd' } as const;
    expect(addEvent(first, { ...event, idFrom: 'dhcp' })).toHaveLength(2);
    expect(addEvent(first, event)).toHaveLength(1);
  });

  test('only the last boots are kept, each with a start of its own', () => {
    const boots = bootsOf(Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 'discover/firmware' : 'ack')));
    expect(boots.map(boot => boot.startedAt)).toEqual([30, 32, 34, 36, 38]);
    expect(boots).toHaveLength(MAX_BOOTS);
  });

  test('a boot with too many events keeps its beginning and its end and counts what it lost', () => {
    const boot = bootsOf(Array.from({ length: 250 }, () => 'problem')).at(-1);
    expect(boot?.events).toHaveLength(MAX_EVENTS);
    expect([boot?.dropped, boot?.events[99]?.at, boot?.events[100]?.at, boot?.events.at(-1)?.at]).toEqual([
      50, 99, 150, 249,
    ]);
  });

  test('a long text is cut', () => {
    expect(
      addEvent([], { at: 1, stage: 'problem', text: 'x'.repeat(5000) })[0]?.events[0]?.text,
    ).toHaveLength(300);
  });
});

describe('the boot id of the kernel', () => {
  test('joins the boot that led to it', () => {
    const boots = addBootId(bootsOf(['discover/firmware', 'kernel']), 'k1', 9);
    expect(boots.map(boot => [boot.startedAt, boot.bootId])).toEqual([[0, 'k1']]);
    expect(addBootId(boots, 'k1', 20)).toEqual(boots);
  });

  test('of a boot that host0 did not see gets an entry of its own', () => {
    const boots = addBootId(addBootId([], 'k1', 5), 'k2', 5);
    expect(boots.map(boot => [boot.startedAt, boot.bootId])).toEqual([
      [5, 'k1'],
      [6, 'k2'],
    ]);
  });

  test('ends a boot: whatever firmware says DISCOVER next begins another one', () => {
    const boots = addBootId([], 'k1', 5);
    expect(addEvent(boots, { at: 9, stage: 'discover', text: 'd', client: 'firmware' })).toHaveLength(2);
  });
});

describe('a machine that asks again and again', () => {
  const refused = { stage: 'problem', step: 'overlay', fault: 'forbidden', text: 'not yours' } as const;

  test('is refused once on its timeline', () => {
    const boots = [1, 2, 3].reduce<Boot[]>((all, at) => addEvent(all, { at, ...refused }), []);
    expect(boots.map(boot => boot.events.map(event => event.at))).toEqual([[1]]);
  });

  test('is told again when the reason is another one, or something happened in between', () => {
    const other = { ...refused, text: 'two machines go by this id' };
    const steps = [refused, other, { stage: 'root', text: 'root' } as const, other];
    const boots = steps.reduce<Boot[]>((all, step, at) => addEvent(all, { at, ...step }), []);
    expect(boots.map(boot => boot.events.map(event => event.at))).toEqual([[0, 1, 2, 3]]);
  });
});
