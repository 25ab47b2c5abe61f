import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTouched, watchPlan } from '../../../../src/domain/overlay/watching.ts';

describe('a watch plan', () => {
  test('listens for the names on the way to each file, and for all names where machines and groups are', () => {
    expect(watchPlan(['/host0/machines/n1/manifest', '/host0/machines/n1/UUID', '/srv/motd'])).toEqual(
      new Map<string, Set<string> | 'all'>([
        ['/', new Set(['host0', 'srv'])],
        ['/host0', new Set(['machines', 'groups'])],
        ['/host0/machines', 'all'],
        ['/host0/groups', 'all'],
        ['/host0/machines/n1', new Set(['manifest', 'UUID'])],
        ['/srv', new Set(['motd'])],
      ]),
    );
  });

  test('hears of whatever happens to a file or to a folder above it', () => {
    const name = fc.constantFrom('a', 'b', 'host0', 'machines');
    const file = fc.array(name, { minLength: 1, maxLength: 5 }).map(names => `/${names.join('/')}`);
    fc.assert(
      fc.property(fc.array(file, { minLength: 1 }), files => {
        const plan = watchPlan(files);
        for (const path of files) {
          const names = path.slice(1).split('/');
          names.forEach((part, depth) => {
            const folder = `/${names.slice(0, depth).join('/')}`;
            const heard = plan.get(folder);
            expect(heard === 'all' || heard?.has(part), `${part} in ${folder}`).toBe(true);
          });
        }
      }),
    );
  });
});

test.each([
  ['/a/b/c', ['/a/b/c'], true],
  ['/a/b/c', ['/a/b'], true],
  ['/a/b/c', ['/a'], true],
  ['/a/b/c', ['/a/b/cc', '/a/b/c/d', '/b'], false],
])('%s is touched by a change of %j: %j', (path, changed, expected) => {
  expect(isTouched(path, new Set(changed))).toBe(expected);
});
