import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Realm } from '../../../../src/domain/placement/realm.ts';
import { parseWorkload } from '../../../../src/domain/workload/parse.ts';
import { withRealmTerms } from '../../../../src/domain/workload/realm-terms.ts';
import { textOf } from '../../../fakes/host-workloads.ts';
import { rulesOf } from '../placement/rules-of.ts';

function realm(more: string): Realm {
  const { realms } = rulesOf(`pxen.vm.realms.lab {
    disabled = no, driver = libvirt, name = Lab, drives.lazy-allocation = on
    ${more}
  }`);
  const found = realms.get('lab');
  if (!found) throw new Error('there is one');
  return found;
}

const DISK = ['platform.volume.0.type=qcow2', 'platform.volume.0.path=/tmp/a.qcow2'];
const NIC = ['network.0.type=bridge', 'network.0.bridge=br0'];

/** The lines that are added to a file with these. */
function added(lines: readonly string[], more: string): string[] {
  const text = textOf('web', lines);
  const { workload, problems } = parseWorkload(text, 'web.conf');
  if (!workload) throw new Error(problems.map(({ message }) => message).join('\n'));
  const sent = withRealmTerms({ file: 'web.conf', text }, workload, realm(more)).text;
  expect(sent.startsWith(text)).toBe(true);
  return sent.slice(text.length).split('\n').filter(Boolean);
}

describe('a realm adds', () => {
  test.each<[string, readonly string[], string, string[]]>([
    ['nothing where it says nothing', [...DISK, ...NIC], '', []],
    ['nothing with drives.cache = default', DISK, 'drives.cache = default', []],
    [
      'its cache to disks',
      DISK,
      'drives.cache = none',
      ['# From realm lab:', 'platform.volume.0.cache=none'],
    ],
    [
      'no cache where the file has one',
      [...DISK, 'platform.volume.0.cache=unsafe'],
      'drives.cache = none',
      [],
    ],
    [
      'no cache where the file goes around it',
      [...DISK, 'platform.volume.0.direct=1'],
      'drives.cache = writeback',
      [],
    ],
    [
      'its network filter to NICs of libvirt',
      [...NIC, 'platform.engine=libvirt'],
      'network-filter = clean-traffic',
      ['# From realm lab:', 'network.0.filter=clean-traffic'],
    ],
    [
      'no filter where the file has one',
      [...NIC, 'platform.engine=libvirt', 'network.0.filter=own'],
      'network-filter = clean-traffic',
      [],
    ],
    ['no filter where the engine knows none', NIC, 'network-filter = clean-traffic', []],
    [
      'both, and nothing to what the other cannot have',
      [...DISK, ...NIC],
      'network-filter = clean-traffic, drives.cache = writeback',
      ['# From realm lab:', 'platform.volume.0.cache=writeback'],
    ],
  ])('%s', (_, lines, more, expected) => {
    expect(added(lines, more)).toEqual(expected);
  });
});

test('whatever it adds, a good file stays a good file', () => {
  const engine = fc.constantFrom([], ['platform.engine=libvirt']);
  const cache = fc.constantFrom('default', 'none', 'writeback', 'writethrough');
  const filter = fc.constantFrom('clean-traffic', 'with blanks', '<xml>', 'a,b', '=', '#');
  const volume = fc.constantFrom(
    [],
    DISK,
    [...DISK, 'platform.volume.0.direct=1'],
    [...DISK, 'platform.volume.0.cache=none'],
  );
  fc.assert(
    fc.property(engine, cache, filter, volume, (engines, caches, name, volumes) => {
      const text = textOf('web', [...volumes, ...NIC, ...engines]);
      const { workload } = parseWorkload(text, 'web.conf');
      if (!workload) throw new Error('it is good');
      const rules = realm(`drives.cache = ${caches}, network-filter = ${JSON.stringify(name)}`);
      const sent = withRealmTerms({ file: 'web.conf', text }, workload, rules);
      expect(parseWorkload(sent.text, sent.file).problems).toEqual([]);
    }),
  );
});
