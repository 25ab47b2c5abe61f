import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../../../src/base/bytes.ts';
import { parseMac } from '../../../../src/base/mac.ts';
import {
  isUsableUuid,
  machineId,
  PLACEHOLDER_UUIDS,
  parseMachineId,
} from '../../../../src/domain/machine/genid.ts';
import { uuidFromOption97, uuidToOption97 } from '../../../../src/domain/machine/uuid.ts';

interface Vector {
  readonly name: string;
  readonly uuid: string;
  readonly mac: string;
  readonly id: string;
  readonly source: 'uuid' | 'mac';
  readonly option97?: string;
}

const VECTORS: Vector[] = JSON.parse(readFileSync('test/vectors/genid.json', 'utf8'));
const sha256 = (data: Uint8Array): Uint8Array => createHash('sha256').update(data).digest();

describe('the shared vectors of test/vectors/genid.json', () => {
  test.each(VECTORS)('$name', ({ uuid, mac, id, source }) => {
    expect(machineId({ uuid, mac: parseMac(mac)! }, sha256)).toBe(id);
    expect(isUsableUuid(uuid)).toBe(source === 'uuid');
  });

  test.each(VECTORS.filter(vector => vector.option97))('option 97 both ways: $name', ({ uuid, option97 }) => {
    expect(uuidFromOption97(fromHex(option97!)!)).toBe(uuid.toLowerCase());
    expect(toHex(uuidToOption97(uuid)!)).toBe(option97);
  });

  test('hold every placeholder that the code knows', () => {
    const uuids = new Set(VECTORS.map(vector => vector.uuid));
    expect([...PLACEHOLDER_UUIDS].filter(uuid => !uuids.has(uuid))).toEqual([]);
  });
});

test('without a UUID the id is that of the card', () => {
  const mac = parseMac('52:54:00:12:34:56')!;
  expect(machineId({ uuid: undefined, mac }, sha256)).toBe(machineId({ uuid: '', mac }, sha256));
});

test('every id parses, and two machines with UUIDs of their own differ', () => {
  const mac = parseMac('52:54:00:12:34:56')!;
  fc.assert(
    fc.property(fc.uuid(), fc.uuid(), (a, b) => {
      const [one, other] = [machineId({ uuid: a, mac }, sha256), machineId({ uuid: b, mac }, sha256)];
      expect(parseMachineId(one)).toBe(one);
      expect(one === other).toBe(a === b);
    }),
    { seed: 97 },
  );
});

test.each(['', '91d5815', '91d5815ff', '91D5815F', '91d5815g', ' 91d5815f', '91d5815f\n', '../..'])(
  '%j is no machine id',
  text => expect(parseMachineId(text)).toBeUndefined(),
);
