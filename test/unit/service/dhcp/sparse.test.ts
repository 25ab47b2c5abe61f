import { expect, test } from 'vitest';
import { SAID_AGAIN_AFTER, Sparse } from '../../../../src/service/dhcp/sparse.ts';

test('equal lines are said once a minute, with the number of those kept back', () => {
  const sparse = new Sparse();
  const said: string[] = [];
  const say = (key: string, now: number): void =>
    sparse.say(key, now, `${key} at ${now}`, line => said.push(line));
  for (const now of [0, 1, 2, SAID_AGAIN_AFTER, SAID_AGAIN_AFTER + 1]) say('pool', now);
  say('relay', 3);
  expect(said).toEqual([
    'pool at 0',
    `pool at ${SAID_AGAIN_AFTER} (and 2 times more since the last such line)`,
    'relay at 3',
  ]);
});
