/** What the HOCON specification says by example (lightbend/config, HOCON.md), section by section. */
export interface SpecCase {
  readonly section: string;
  readonly text: string;
  /** Files that it includes, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** The value as JSON; absent where the specification calls the text an error. */
  readonly value?: unknown;
}

const COMMENTS: readonly SpecCase[] = [
  { section: 'comments', text: '# one\na = 1 # two\n// three\nb = 2 // four', value: { a: 1, b: 2 } },
  { section: 'comments', text: 'a = "x // y # z"', value: { a: 'x // y # z' } },
  { section: 'comments', text: '// only a comment', value: {} },
];

const BRACES: readonly SpecCase[] = [
  { section: 'omit root braces', text: 'a : 1', value: { a: 1 } },
  { section: 'omit root braces', text: '{ a : 1 }', value: { a: 1 } },
  { section: 'omit root braces', text: 'a : 1 }' },
  { section: 'omit root braces', text: '{ a : 1' },
];

const SEPARATORS: readonly SpecCase[] = [
  { section: 'key-value separator', text: 'a = 1\n"foo" {}\nb : 2', value: { a: 1, foo: {}, b: 2 } },
  { section: 'commas', text: 'a = [1,2,3,]', value: { a: [1, 2, 3] } },
  { section: 'commas', text: 'a = [1\n2\n3]', value: { a: [1, 2, 3] } },
  { section: 'commas', text: 'a = [1,2,3,,]' },
  { section: 'commas', text: 'a = [,1,2,3]' },
  { section: 'commas', text: 'a = [1,,2,3]' },
  { section: 'commas', text: 'a { x = 1, y = 2, }', value: { a: { x: 1, y: 2 } } },
  { section: 'commas', text: 'a { x = 1,, y = 2 }' },
  { section: 'whitespace', text: 'a\u00a0=\u20071\n\ufeffb = 2', value: { a: 1, b: 2 } },
];

const MERGING: readonly SpecCase[] = [
  { section: 'object merging', text: 'foo { a : 42 }, foo { b : 43 }', value: { foo: { a: 42, b: 43 } } },
  {
    section: 'object merging',
    text: 'foo { a : 42 }, foo : null, foo { b : 43 }',
    value: { foo: { b: 43 } },
  },
  { section: 'object merging', text: 'a = 1\na = 2', value: { a: 2 } },
  {
    section: 'object merging',
    text: 'a { b { x = 1, y = 2 } }\na { b { y = 3 } }',
    value: { a: { b: { x: 1, y: 3 } } },
  },
];

const STRINGS: readonly SpecCase[] = [
  { section: 'unquoted strings', text: 'a = truefoo, b = footrue', value: { a: 'truefoo', b: 'footrue' } },
  { section: 'unquoted strings', text: 'a = 10.0bar, b = bar10.0', value: { a: '10.0bar', b: 'bar10.0' } },
  { section: 'unquoted strings', text: 'a = x^y' },
  { section: 'unquoted strings', text: 'a = a@b' },
  { section: 'unquoted strings', text: 'a = a/b/c', value: { a: 'a/b/c' } },
  { section: 'multi-line strings', text: 'a = """foo"""""', value: { a: 'foo""' } },
  { section: 'multi-line strings', text: 'a = """x\n  y\\n"""', value: { a: 'x\n  y\\n' } },
  { section: 'quoted strings', text: 'a = "x\ny"' },
  { section: 'quoted strings', text: 'a = "\\u0041\\t\\"\\\\"', value: { a: 'A\t"\\' } },
  { section: 'string concatenation', text: 'a =  foo bar baz ', value: { a: 'foo bar baz' } },
  { section: 'string concatenation', text: 'a = foo "bar"  baz', value: { a: 'foo bar  baz' } },
  { section: 'string concatenation', text: 'a = true foo, b = true', value: { a: 'true foo', b: true } },
  { section: 'string concatenation', text: 'a = 1e5 x, b = 1e5', value: { a: '1e5 x', b: 100000 } },
  { section: 'string concatenation', text: 'a = 10 GiB', value: { a: '10 GiB' } },
  { section: 'string concatenation', text: 'a = x [1]' },
];

const COLLECTIONS: readonly SpecCase[] = [
  {
    section: 'array and object concatenation',
    text: 'a = { b : 1 } { c : 2 }',
    value: { a: { b: 1, c: 2 } },
  },
  { section: 'array and object concatenation', text: 'a = [ 1, 2 ] [ 3, 4 ]', value: { a: [1, 2, 3, 4] } },
  { section: 'array and object concatenation', text: 'a = [1] { b = 2 }' },
  {
    section: 'array and object concatenation',
    text: 'generic = { size = 6 }\neast = ${generic} { name = "east" }',
    value: { generic: { size: 6 }, east: { size: 6, name: 'east' } },
  },
  {
    section: 'array and object concatenation',
    text: 'path = [ /bin ]\npath = ${path} [ /usr/bin ]',
    value: { path: ['/bin', '/usr/bin'] },
  },
  { section: 'arrays without commas', text: 'a = [ 1 2 3 4 ]', value: { a: ['1 2 3 4'] } },
  { section: 'arrays without commas', text: 'a = [ [ 1, 2 ] [ 3, 4 ] ]', value: { a: [[1, 2, 3, 4]] } },
  {
    section: 'arrays without commas',
    text: 'a = [ [ 1, 2 ]\n[ 3, 4 ] ]',
    value: {
      a: [
        [1, 2],
        [3, 4],
      ],
    },
  },
];

const PATHS: readonly SpecCase[] = [
  {
    section: 'path expressions',
    text: 'foo.bar."hello.world" = 1',
    value: { foo: { bar: { 'hello.world': 1 } } },
  },
  { section: 'path expressions', text: '10.0foo = 1', value: { 10: { '0foo': 1 } } },
  { section: 'path expressions', text: 'foo"10.0" = 1', value: { 'foo10.0': 1 } },
  { section: 'path expressions', text: '1.2.3 = x', value: { 1: { 2: { 3: 'x' } } } },
  { section: 'path expressions', text: 'a."".b = 1', value: { a: { '': { b: 1 } } } },
  { section: 'path expressions', text: 'a..b = 1' },
  { section: 'path expressions', text: '.a = 1' },
  { section: 'path expressions', text: 'a. = 1' },
  { section: 'paths as keys', text: 'foo.bar : 42', value: { foo: { bar: 42 } } },
  { section: 'paths as keys', text: 'a.x : 42, a.y : 43', value: { a: { x: 42, y: 43 } } },
  { section: 'paths as keys', text: 'a b c : 42', value: { 'a b c': 42 } },
  {
    section: 'paths as keys',
    text: 'true : 42, 3 : 42, 3.14 : x',
    value: { true: 42, 3: { 14: 'x' } },
  },
];

const SUBSTITUTIONS: readonly SpecCase[] = [
  { section: 'substitutions', text: 'b = ${a.x}\na { x = 1 }', value: { b: 1, a: { x: 1 } } },
  { section: 'substitutions', text: 'a = cat\nk = ${a} is "${a}"', value: { a: 'cat', k: 'cat is ${a}' } },
  { section: 'substitutions', text: 'a = ${nowhere.at.all}' },
  { section: 'substitutions', text: 'a = 1\na = ${?nowhere}', value: { a: 1 } },
  { section: 'substitutions', text: 'a = [1, ${?nowhere}, 2]', value: { a: [1, 2] } },
  { section: 'substitutions', text: 'a = x${?nowhere}y', value: { a: 'xy' } },
  { section: 'substitutions', text: 'a = ${?nowhere}${?neither}', value: {} },
  { section: 'substitutions', text: 'a = ${?nowhere} [1]', value: { a: [1] } },
  { section: 'substitutions', text: 'b = ${a}\na = 1\na = 2', value: { a: 2, b: 2 } },
  { section: 'substitutions', text: 'x = a\n${x} = 1' },
  { section: 'substitutions', text: 'a = ${ ?b}' },
  { section: 'self-referential', text: 'path : "a:b"\npath : ${path}":c"', value: { path: 'a:b:c' } },
  { section: 'self-referential', text: 'a : ${a}' },
  { section: 'self-referential', text: 'a : { b : ${a} }' },
  { section: 'self-referential', text: 'a : [${a}]' },
  { section: 'self-referential', text: 'foo : { a : 1 }\nfoo : ${foo}', value: { foo: { a: 1 } } },
  { section: 'self-referential', text: 'foo : ${foo}\nfoo : { a : 1 }' },
  { section: 'self-referential', text: 'foo : ${?foo}', value: {} },
  { section: 'self-referential', text: 'foo : ${nowhere}\nfoo : 42', value: { foo: 42 } },
  { section: 'self-referential', text: 'foo : ${foo}\nfoo : 42', value: { foo: 42 } },
  {
    section: 'self-referential',
    text: 'foo : { a : { c : 1 } }\nfoo : ${foo.a}\nfoo : { a : 2 }',
    value: { foo: { a: 2, c: 1 } },
  },
  {
    section: 'self-referential',
    text: 'bar : { foo : 42, baz : ${bar.foo} }\nbar : { foo : 43 }',
    value: { bar: { foo: 43, baz: 43 } },
  },
  {
    section: 'self-referential',
    text: 'bar : { a : ${foo.d}, b : 1 }\nbar.b = 3\nfoo : { c : ${bar.b}, d : 2 }\nfoo.d = 4',
    value: { bar: { a: 4, b: 3 }, foo: { c: 3, d: 4 } },
  },
  { section: 'self-referential', text: 'a = ${?a}foo', value: { a: 'foo' } },
  { section: 'self-referential', text: 'bar : ${foo}\nfoo : ${bar}' },
  { section: 'self-referential', text: 'a : ${b}\nb : ${c}\nc : ${a}' },
  { section: '+=', text: 'a += b\na += c', value: { a: ['b', 'c'] } },
  { section: '+=', text: 'a = [1]\na += 2', value: { a: [1, 2] } },
  { section: '+=', text: 'a = 1\na += 2' },
];

const INCLUDES: readonly SpecCase[] = [
  {
    section: 'include',
    text: 'a { include "f.conf" }',
    files: { 'f.conf': 'x : 10, y : ${x}' },
    value: { a: { x: 10, y: 10 } },
  },
  {
    section: 'include',
    text: 'a : { include "f.conf" }\na : { x : 42 }',
    files: { 'f.conf': 'x : 10, y : ${x}' },
    value: { a: { x: 42, y: 42 } },
  },
  {
    section: 'include',
    text: 'top = 7\na { include "f.conf" }',
    files: { 'f.conf': 'y : ${top}' },
    value: { top: 7, a: { y: 7 } },
  },
  {
    section: 'include',
    text: 'x = 1\ninclude "f.conf"\ny = 3',
    files: { 'f.conf': 'x = 2, y = 2' },
    value: { x: 2, y: 3 },
  },
  { section: 'include', text: 'a = 1\ninclude "missing.conf"', value: { a: 1 } },
  { section: 'include', text: 'include required("missing.conf")' },
  { section: 'include', text: 'include required("f.conf")', files: { 'f.conf': 'a = 1' }, value: { a: 1 } },
  { section: 'include', text: 'include "f.conf"', files: { 'f.conf': '[1]' } },
  { section: 'include', text: 'include f.conf', files: { 'f.conf': 'a = 1' } },
  {
    section: 'include',
    text: 'foo include : 42, a : include, b : [ include ], "include" : 1',
    value: { 'foo include': 42, a: 'include', b: ['include'], include: 1 },
  },
  { section: 'include', text: 'include "f.conf"', files: { 'f.conf': 'include "f.conf"' } },
];

const INDICES: readonly SpecCase[] = [
  {
    section: 'numerically-indexed objects',
    text: 'a { 0 = x, 2 = y }\nb = [z] ${a}',
    value: { a: { 0: 'x', 2: 'y' }, b: ['z', 'x', 'y'] },
  },
];

export const SPEC_CASES: readonly SpecCase[] = [
  ...COMMENTS,
  ...BRACES,
  ...SEPARATORS,
  ...MERGING,
  ...STRINGS,
  ...COLLECTIONS,
  ...PATHS,
  ...SUBSTITUTIONS,
  ...INCLUDES,
  ...INDICES,
];
