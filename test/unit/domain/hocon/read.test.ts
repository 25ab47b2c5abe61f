import { describe, expect, test } from 'vitest';
import { valueAt } from '../../../../src/domain/hocon/tree.ts';
import { plain, problemsOf, read, rootOf } from './documents.ts';

describe('values know where they were written', () => {
  test('by file and line, through includes, merging and substitutions', () => {
    const root = rootOf('a {\n  include "f.conf"\n  y = 2\n}\nz = ${a.x}', { 'f.conf': '\nx = 1\n' });
    expect(['a.x', 'a.y', 'z'].map(path => valueAt(root, path.split('.'))?.origin)).toEqual([
      { file: 'f.conf', line: 2 },
      { file: 'main.conf', line: 3 },
      { file: 'f.conf', line: 2 },
    ]);
  });

  test('a multi-line string counts its lines', () => {
    expect(valueAt(rootOf('a = """\n\n"""\nb = 1'), ['b'])?.origin.line).toBe(4);
  });
});

describe('mistakes', () => {
  test.each([
    [
      'vms: { curve: linear slope: 1 }',
      'main.conf:1: vms.curve: got ":", expected a comma or a new line before it',
    ],
    ['a {\n  b = [1\n}\nc = 2', 'main.conf:2: a.b: got [ without an end, expected a closing ]'],
    ['a = "x\nb = 1', 'main.conf:1: a: got a quote that does not end, expected a closing " on this line'],
    [
      'a = "\\x"',
      'main.conf:1: a: got "\\\\x", expected one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX after a backslash',
    ],
    ['a = """x', 'main.conf:1: a: got """ that does not end, expected a closing """'],
    [
      'uri = qemu+ssh://me@h/system',
      'main.conf:1: uri: got "+", expected double quotes around a text with this character',
    ],
    ['a = ${x', 'main.conf:1: a: got the end of the file, expected a closing } of the substitution'],
    ['a = ${}', 'main.conf:1: a: got "}", expected the path of a value after ${'],
    ['a\nb = 1', 'main.conf:2: file: got "b", expected : or = after the key a'],
    ['a =\n\n}', 'main.conf:3: a: got "}", expected a value'],
    ['a.b. = 1', 'main.conf:1: file: got "a.b.", expected a key without empty parts'],
    [
      '{ a = 1 } b',
      'main.conf:1: file: got "b", expected nothing more: the value of the whole file ends before this',
    ],
    ['[1]', 'main.conf:1: include: got a list, expected an object'],
    ['a = ${b}', 'main.conf:1: a: got ${b}, expected the path of a value of this document'],
    [
      'a = ${a}',
      'main.conf:1: a: got ${a}, which leads back to itself, expected a value that does not depend on itself',
    ],
    ['a { b = ${a} }', 'main.conf:1: a.b: got a value that contains itself, expected one that ends'],
    [
      'a = [1]\nb = ${a} x',
      'main.conf:2: b: got a list beside "x", expected values of one kind beside each other',
    ],
    ['a { b = 1 }\na.b += 2', 'main.conf:2: a.b: got +=, expected a list to add to'],
    [
      'a { include f.conf }',
      'main.conf:1: a: got "f.conf", expected include "file" or include required("file"); a key of that name stands in double quotes',
    ],
    [
      'include url("http://x/y")',
      'main.conf:1: file: got "url(", expected include "file" or include required("file"); a key of that name stands in double quotes',
    ],
    ['include required("x"', 'main.conf:1: file: got required("x", expected ) after it'],
    ['include required("x")', 'main.conf:1: include: got include "x", expected a file that exists'],
  ])('%j', (text, problem) => {
    expect(problemsOf(text)[0]).toBe(problem);
  });

  test('all of a file are told at once, each with its own path', () => {
    expect(problemsOf('a { b = ^ }\nc = [1,,2]\nd = 1\ne { f { g } }\nh = 1 2 : 3')).toEqual([
      'main.conf:1: a.b: got "^", expected double quotes around a text with this character',
      'main.conf:2: c: got ",", expected a value',
      'main.conf:4: e.f: got "}", expected : or = after the key g',
      'main.conf:5: h: got ":", expected a comma or a new line before it',
    ]);
  });

  test('those of included files are told together with those of the file', () => {
    expect(problemsOf('a = ^\ninclude "f.conf"', { 'f.conf': 'b = [' })).toEqual([
      'main.conf:1: a: got "^", expected double quotes around a text with this character',
      'f.conf:1: b: got [ without an end, expected a closing ]',
    ]);
  });

  test('after twenty of them nobody reads on', () => {
    expect(problemsOf('a = ^\n'.repeat(100))).toHaveLength(20);
  });
});

describe('include', () => {
  test('names every file of a loop', () => {
    const files = { 'a.conf': 'x { include "b.conf" }', 'b.conf': '\ninclude "a.conf"' };
    expect(problemsOf('include "a.conf"', files)).toEqual([
      'b.conf:2: x: got an include loop: a.conf -> b.conf -> a.conf, expected files that do not include themselves',
    ]);
  });

  test('the same file twice is no loop', () => {
    const root = rootOf('a { include "f.conf" }\nb { include "f.conf" }', { 'f.conf': 'x = 1' });
    expect(plain(root)).toEqual({ a: { x: 1 }, b: { x: 1 } });
  });

  test('doubling at every step ends', () => {
    const files = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`f${i}`, `a { include "f${i + 1}" }\nb { include "f${i + 1}" }`]),
    );
    expect(problemsOf('include "f0"', files)[0]).toMatch(
      /expected at most 1000 includes, 32 within each other$/,
    );
  });

  test('what the reader refuses is a problem at the include', () => {
    const { problems } = read('a = 1');
    expect(problems).toEqual([]);
    expect(problemsOf('include required(file("x"))')).toEqual([
      'main.conf:1: include: got include "x", expected a file that exists',
    ]);
  });

  test('parentheses may stand apart', () => {
    expect(plain(rootOf('include required( file(\n "f" ) )', { f: 'a = 1' }))).toEqual({ a: 1 });
  });
});

describe('no document is without measure', () => {
  const chain = (count: number, line: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => line(i + 1)).join('\n');
  test.each([
    ['brackets', '['.repeat(1000)],
    ['objects', 'a {'.repeat(1000)],
    ['paths', `${'a.'.repeat(1000)}a = 1`],
    ['paths in objects', `${`${'a.'.repeat(60)}a {`.repeat(10)}}`],
    ['strings that double', `a0 = xx\n${chain(60, i => `a${i} = \${a${i - 1}}\${a${i - 1}}`)}`],
    ['lists that double', `a0 = [1]\n${chain(60, i => `a${i} = \${a${i - 1}} \${a${i - 1}}`)}`],
    [
      'objects that double',
      `a0 { x = 1 }\n${chain(60, i => `a${i} { x = \${a${i - 1}}, y = \${a${i - 1}} }`)}`,
    ],
    ['substitutions in a row', `${chain(1000, i => `a${i} = \${a${i + 1}}`)}\na1001 = 1`],
    ['a value of itself, often', `a = 1\n${chain(1000, () => 'a = ${a}x')}`],
  ])('%s end with one problem', (_, text) => {
    const problems = problemsOf(text);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.join('\n')).toMatch(/expected at most|a closing/);
    expect(Math.max(...problems.map(problem => problem.length))).toBeLessThan(500);
  });

  test('long ones of every kind are read, without a deep stack', () => {
    const texts = [
      `a = "${'x'.repeat(1e6)}"`,
      `a = "${'\\n'.repeat(5e5)}"`,
      `a = ${'/x'.repeat(5e5)}`,
      `a = """${'x\n'.repeat(5e5)}"""`,
      `${'#'.repeat(1e6)}`,
      `${'a += 1\n'.repeat(2e4)}`,
    ];
    expect(texts.flatMap(text => problemsOf(text))).toEqual([]);
  });
});
