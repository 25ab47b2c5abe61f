import { expect, test } from 'vitest';
import { factsSchema } from '../../../../src/api/facts.ts';
import type { MachineId } from '../../../../src/domain/machine/genid.ts';
import { disagreement } from '../../../../src/domain/node/agreement.ts';
import { boundedFacts, changedFacts, type Facts } from '../../../../src/domain/node/facts.ts';
import { normalHostKey } from '../../../../src/domain/node/host-key.ts';
import { ALPHA, FACTS, HOST_KEY_LINE } from '../../../fakes/registry.ts';

test('a heartbeat carries the sections that changed and nothing else', () => {
  expect(changedFacts(FACTS, structuredClone(FACTS))).toEqual({});
  expect(changedFacts(FACTS, { ...FACTS, kvm: { state: 'usable' }, memoryKib: 5 })).toEqual({
    kvm: { state: 'usable' },
    memoryKib: 5,
  });
});

test('the places that compute the id are quoted when they disagree, and only then', () => {
  const a = '11111111' as MachineId;
  expect(disagreement({})).toBeUndefined();
  expect(disagreement({ dhcp: a, agent: a })).toBeUndefined();
  expect(disagreement({ agent: '22222222' as MachineId, dhcp: a })).toBe(
    'dhcp says 11111111, agent says 22222222',
  );
});

test.each([
  ['with a comment', `${HOST_KEY_LINE} root@node\n`, HOST_KEY_LINE],
  ['without', HOST_KEY_LINE, HOST_KEY_LINE],
  ['too short', HOST_KEY_LINE.slice(0, -1), undefined],
  ['too long', `${HOST_KEY_LINE}A`, undefined],
  ['another type', HOST_KEY_LINE.replace('ssh-ed25519 ', 'ssh-rsa '), undefined],
  ['two lines', `x\n${HOST_KEY_LINE}`, undefined],
])('a host key line %s', (_, line, expected) => {
  expect(normalHostKey(line)).toBe(expected);
});

test('facts of a machine with more than a report may carry are cut, and then fit its schema', () => {
  const nic = {
    name: 'vf',
    mac: ALPHA.mac,
    carrier: true,
    addresses: Array.from({ length: 99 }, () => '10.0.0.1/8'),
  };
  const huge: Facts = {
    ...FACTS,
    nics: Array.from({ length: 999 }, () => nic),
    bridges: [{ name: 'br0', members: Array.from({ length: 5000 }, (_, i) => `tap${i}`), addresses: [] }],
  };
  expect(factsSchema.safeParse(huge).success).toBe(false);
  const cut = boundedFacts(huge);
  expect(factsSchema.safeParse(cut).success).toBe(true);
  expect([cut.nics.length, cut.nics[0]?.addresses.length, cut.bridges[0]?.members.length]).toEqual([
    256, 64, 1024,
  ]);
  expect(boundedFacts(FACTS)).toEqual(FACTS);
});
