import { describe, expect, test } from 'vitest';
import type { Mac } from '../../../../src/base/mac.ts';
import { addSighting, CLAIM_LIFETIME, type Claim, conflictOf } from '../../../../src/domain/node/claims.ts';

/** `A1` first sign of a boot from card A with UUID 1, `a1` a later step; `ab1` a report that lists both cards; `a-` no UUID of use. */
function seen(sightings: string, step = 1000): Claim[] {
  return sightings.split(' ').reduce<Claim[]>((claims, text, i) => {
    const letters = text.slice(0, -1);
    return addSighting(claims, {
      at: (i + 1) * step,
      uuid: text.endsWith('-') ? undefined : `uuid-${text.at(-1)}`,
      macs: [...letters.toLowerCase()].map(letter => `52:54:00:00:00:0${letter}` as Mac),
      continues: letters === letters.toLowerCase(),
    });
  }, []);
}

describe('two machines under one id', () => {
  const cases: [string, string, number | undefined][] = [
    ['one machine that boots and reports is no conflict', 'A1 a1 a1 a1', undefined],
    ['one machine that tries its cards in turn is none', 'A1 a1 B1 b1 A1 a1 B1 b1', undefined],
    ['one machine whose report lists both cards is none', 'A1 a1 B1 b1 ab1 a1 b1', undefined],
    ['a machine with a new card after a reboot is none', 'A1 a1 a1 B1 b1 b1 b1', undefined],
    ['a machine that goes on while another one boots is one', 'A1 a1 B1 a1', 2],
    ['two that report by turns are one', 'a1 b1 a1 b1 a1', 2],
    ['two full UUIDs are one at once', 'A1 A2', 2],
    ['without a UUID of use the cards decide', 'A- a- B- a-', 2],
    ['three machines are named all three', 'a1 b1 c1 a1 b1 c1', 3],
  ];
  test.each(cases)('%s', (_, sightings, machines) => {
    const claims = seen(sightings);
    expect(conflictOf(claims, 20_000)?.length).toBe(machines);
  });

  test('the conflict is over when one of them has been quiet for ten minutes', () => {
    const claims = addSighting(seen('a1 b1 a1'), {
      at: CLAIM_LIFETIME + 2500,
      uuid: 'uuid-1',
      macs: ['52:54:00:00:00:0a' as Mac],
      continues: true,
    });
    expect(conflictOf(claims, CLAIM_LIFETIME + 2500)).toBeUndefined();
  });

  test('a flood of forged machines does not grow the record', () => {
    const claims = Array.from({ length: 100 }).reduce<Claim[]>(
      (before, _, i) =>
        addSighting(before, {
          at: i,
          uuid: undefined,
          macs: [`52:54:00:00:01:${i}` as Mac],
          continues: false,
        }),
      [],
    );
    expect(claims).toHaveLength(8);
  });
});
