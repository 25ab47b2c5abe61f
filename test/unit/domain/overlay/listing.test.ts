import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  diffListings,
  type ListedEntry,
  listEntries,
  nodeView,
} from '../../../../src/domain/overlay/listing.ts';
import { BLANK_MARK, MARK_PATH, parseMark, withMark } from '../../../../src/domain/overlay/mark.ts';
import { planOverlay } from '../../../../src/domain/overlay/plan.ts';
import { layerOf } from '../../../fakes/layers.ts';

const hash = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');
const listing = (manifest: string): ListedEntry[] =>
  listEntries(planOverlay([layerOf('m', manifest)]).entries, hash);

const path = fc.constantFrom('/a', '/b', '/c/d', '/c/e', '/f/g/h');
const mode = fc.constantFrom('root:root:0644', '7:8:0600', 'nginx:root:0755');
const line = fc.oneof(
  fc.tuple(mode, fc.constantFrom('/1', '/2'), path).map(([m, s, t]) => `O MODE=${m} SRC=${s} TGT=${t}`),
  fc.tuple(fc.constantFrom('/1', '/2'), path).map(([s, t]) => `L SRC=${s} TGT=${t}`),
);
const tree = fc.array(line, { maxLength: 6 }).map(lines => listing(lines.join('\n')));

/** What a node has when the changes are made to what it had. */
function changedTree(before: readonly ListedEntry[], after: readonly ListedEntry[]): ListedEntry[] {
  const now = new Map(before.map(entry => [entry.path, entry]));
  for (const change of diffListings(before, after)) {
    if (change.after) now.set(change.path, change.after);
    else now.delete(change.path);
  }
  return [...now.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

describe('a listing', () => {
  test('names the content of files by hash, and every line that a file was put together from', () => {
    const entries = listing(
      'O MODE=root:root:0644 SRC=/1 TGT=/a\nA MODE=root:root:0600 SRC=/2 TGT=/a\nL SRC=/x TGT=/b',
    );
    expect(entries).toEqual([
      {
        path: '/a',
        type: 'file',
        mode: '0600',
        user: 'root',
        group: 'root',
        size: 10,
        hash: hash(new TextEncoder().encode('</1>\n</2>\n')),
        origin: 'm:1, m:2',
      },
      { path: '/b', type: 'link', mode: '0777', user: '0', group: '0', size: 0, target: '/x', origin: 'm:3' },
    ]);
  });
});

describe('the difference of two listings', () => {
  test('is what turns one into the other', () => {
    fc.assert(
      fc.property(tree, tree, (before, after) => {
        expect(nodeView(changedTree(before, after))).toBe(nodeView(after));
      }),
    );
  });

  test('is empty exactly when a node sees the same', () => {
    fc.assert(
      fc.property(tree, tree, (before, after) => {
        expect(diffListings(before, after).length === 0).toBe(nodeView(before) === nodeView(after));
      }),
    );
  });

  test('does not count where an entry comes from, nor the mark', () => {
    const one = listing('O MODE=root:root:0644 SRC=/1 TGT=/a');
    const moved = listing('# a comment\nO MODE=root:root:0644 SRC=/1 TGT=/a');
    const [mark] = listing(`O MODE=root:root:0644 SRC=/1 TGT=${MARK_PATH}`).filter(
      ({ path }) => path === MARK_PATH,
    );
    expect(diffListings(one, [...moved, ...(mark ? [mark] : [])])).toEqual([]);
    expect(one[0]?.origin).not.toBe(moved[0]?.origin);
  });
});

describe('the mark', () => {
  const content = 'ab'.repeat(32);
  const marked = { ...layerOf('site', ''), items: [BLANK_MARK] };

  test('is filled in after planning and read back by the agent', () => {
    const [mark] = withMark(planOverlay([marked]).entries, content).filter(entry => entry.path === MARK_PATH);
    const text = mark?.type === 'file' ? new TextDecoder().decode(mark.content) : '';
    expect(text).toBe(`{"content":"${content}"}\n`);
    expect(parseMark(text.trim())).toBe(content);
  });

  test.each(['', '{}', '{"content":""}', `{"content":"${'AB'.repeat(32)}"}`, 'x'])('%j is none', text => {
    expect(parseMark(text)).toBeUndefined();
  });

  test('is not for manifests to write', () => {
    const own = layerOf('m', `O MODE=root:root:0644 SRC=/1 TGT=${MARK_PATH}`);
    expect(planOverlay([marked, own]).problems).toEqual([
      {
        file: 'm',
        line: 1,
        key: 'TGT',
        got: `"${MARK_PATH}"`,
        expected: 'another path; pxen writes this file itself',
      },
    ]);
    expect(planOverlay([marked, layerOf('m', `R TGT=${MARK_PATH}`)]).problems).toEqual([]);
  });
});
