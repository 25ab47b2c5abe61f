import { describe, expect, test } from 'vitest';
import { asPxenError } from '../../../../../src/base/error.ts';
import { choose, chooseOne } from '../../../../../src/cli/commands/workload/choose.ts';
import { running, view } from './views.ts';

const KNOWN = ['web-1', 'web-2', 'db', 'a,b', 'x[1]*'].map(name => view(name));

function refusal(run: () => unknown): string {
  try {
    return `no error: ${JSON.stringify(run())}`;
  } catch (thrown) {
    const { code, details, message } = asPxenError(thrown);
    return [`${code} ${message}`, ...details].join('\n');
  }
}

describe('words of -w', () => {
  test.each<[string, string[], string[], string[]]>([
    ['a name', ['db'], ['db'], ['db']],
    ['a uuid', ['uuid-web-2'], ['web-2'], ['web-2']],
    ['several, in their order and each once', ['db', 'web-1,db'], ['db', 'web-1'], ['db', 'web-1']],
    ['commas with spaces', [' db , web-1 ,'], ['db', 'web-1'], ['db', 'web-1']],
    ['a name with a comma in it', ['a,b'], ['a,b'], ['a,b']],
    ['* for any letters', ['web-*'], ['web-1', 'web-2'], []],
    ['? for one letter', ['web?2'], ['web-2'], []],
    ['a name beside a pattern that it fits', ['web-*,web-2'], ['web-1', 'web-2'], ['web-2']],
    ['ALL', ['ALL'], ['web-1', 'web-2', 'db', 'a,b', 'x[1]*'], []],
    ['a name that looks like a pattern', ['x[1]*'], ['x[1]*'], ['x[1]*']],
    ['a pattern with signs that mean something elsewhere', ['x[1]?'], ['x[1]*'], []],
  ])('%s', (_, words, names, named) => {
    const choice = choose(KNOWN, words);
    expect(choice.workloads.map(found => found.name)).toEqual(names);
    expect([...choice.named].map(found => found.name)).toEqual(named);
  });

  test.each<[string, string[], string]>([
    ['a slip of the pen', ['wbe-1'], 'NOT_FOUND no workload wbe-1; did you mean web-1?'],
    ['an unknown name', ['mail'], 'NOT_FOUND no workload mail; mesh workload list shows all'],
    [
      'a pattern that fits nothing',
      ['mail*'],
      'NOT_FOUND no workload fits mail*; mesh workload list shows all',
    ],
    [
      'a pattern is for whole names',
      ['eb-*'],
      'NOT_FOUND no workload fits eb-*; mesh workload list shows all',
    ],
    ['letters are told apart', ['DB'], 'NOT_FOUND no workload DB; mesh workload list shows all'],
    [
      'all of them at once',
      ['db', 'mail,webb-1'],
      [
        'NOT_FOUND 2 of the names fit no workload',
        'no workload mail; mesh workload list shows all',
        'no workload webb-1; did you mean web-1?',
      ].join('\n'),
    ],
    [
      'nothing',
      [],
      'USAGE no workload is named\nname one: -w NAME; several: -w NAME1,NAME2 or -w "web-*"; or all: -w ALL',
    ],
    [
      'nothing but a comma',
      [','],
      'USAGE no workload is named\nname one: -w NAME; several: -w NAME1,NAME2 or -w "web-*"; or all: -w ALL',
    ],
  ])('refused: %s', (_, words, message) => expect(refusal(() => choose(KNOWN, words))).toBe(message));

  test('with no workload at all, says where they come from', () => {
    expect(refusal(() => choose([], ['ALL']))).toBe(
      'NOT_FOUND there is no workload yet: put NAME.conf into /var/pxen/monoliths',
    );
    expect(refusal(() => choose([], ['web', 'db']))).toBe(
      'NOT_FOUND there is no workload yet: put NAME.conf into /var/pxen/monoliths',
    );
  });

  test('a uuid that is the name of another workload means that one only', () => {
    const { workloads } = choose([view('db', { uuid: 'web' }), view('web')], ['web']);
    expect(workloads.map(({ name }) => name)).toEqual(['web']);
  });
});

test('of several with one name, a command for one takes the one that is there', () => {
  const there = running('web', {}, { uuid: 'uuid-old', file: undefined });
  expect(chooseOne([view('web'), there], ['web'])).toBe(there);
  expect(chooseOne([view('web', { file: 'a' }), view('web', { file: 'b' })], ['web']).file).toBe('a');
});

test('a command for one workload takes a pattern that fits one', () => {
  expect(chooseOne(KNOWN, ['d*']).name).toBe('db');
  expect(refusal(() => chooseOne(KNOWN, ['web-*']))).toBe(
    'USAGE this command takes one workload\nthese fit: web-1, web-2',
  );
});
