import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../../../../src/base/ipv4.ts';
import {
  type BootToken,
  burntToken,
  deliveredToken,
  judgeToken,
  newToken,
  TOKEN_GRACE,
  TOKEN_LIFETIME,
} from '../../../../src/domain/boot/token.ts';
import type { MachineId } from '../../../../src/domain/machine/genid.ts';

const MINE = '91d5815f' as MachineId;
const HERE = '10.77.0.100' as Ipv4;
const NOW = 1_700_000_000_000;
const FRESH = newToken({ hash: 'aa', machineId: MINE, address: HERE }, NOW);

const at = (now: number, by: object = {}): Parameters<typeof judgeToken>[1] => ({
  machineId: MINE,
  address: HERE,
  now,
  ...by,
});

test.each<[string, BootToken | undefined, Parameters<typeof judgeToken>[1], string]>([
  ['none with that hash', undefined, at(NOW), 'unknown'],
  ['a new one', FRESH, at(NOW), 'good'],
  ['one in its last millisecond', FRESH, at(NOW + TOKEN_LIFETIME - 1), 'good'],
  ['one that was never used', FRESH, at(NOW + TOKEN_LIFETIME), 'expired'],
  ['for another machine', FRESH, at(NOW, { machineId: 'deadbeef' }), 'other-machine'],
  ['given to another address', FRESH, at(NOW, { address: '10.77.0.101' }), 'other-address'],
  [
    'for another machine and from another address',
    FRESH,
    at(NOW, { machineId: 'x', address: 'y' }),
    'other-machine',
  ],
  ['used, in its grace', deliveredToken(FRESH, NOW), at(NOW + TOKEN_GRACE - 1), 'good'],
  ['used, after its grace', deliveredToken(FRESH, NOW), at(NOW + TOKEN_GRACE), 'used'],
  ['of a machine that runs', burntToken(FRESH, NOW), at(NOW), 'used'],
])('%s', (_, token, shownBy, verdict) => expect(judgeToken(token, shownBy)).toBe(verdict));

describe('what its use does to a token', () => {
  test('the grace begins once: a download in the grace gets no second one', () => {
    const used = deliveredToken(FRESH, NOW + 1000);
    expect(deliveredToken(used, NOW + 2000)).toBe(used);
    expect(used.endsAt).toBe(NOW + 1000 + TOKEN_GRACE);
  });

  test('it never lives longer for being used', () => {
    const late = deliveredToken(FRESH, NOW + TOKEN_LIFETIME - 5);
    expect(late).toEqual({ ...FRESH, used: true });
    expect(burntToken(late, NOW + TOKEN_LIFETIME + 5).endsAt).toBe(FRESH.endsAt);
  });
});
