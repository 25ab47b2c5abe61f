import { afterEach, describe, expect, test } from 'vitest';
import type { CtlLine } from '../../../../src/api/ctl.ts';
import { asPxenError, PxenError } from '../../../../src/base/error.ts';
import { nodeCtl, nodeInfo } from '../../../../src/cli/commands/node.ts';
import { type FakePxend, fakePxend, type Play } from '../pxend.ts';
import { screen } from '../screen.ts';

const A = {
  id: '91d5815f',
  name: 'rack1-07',
  state: 'up',
  macs: [],
  firstSeenAt: 0,
  lastSeenAt: 1_700_000_095_000,
};
const B = {
  id: '6e6da274',
  state: 'booting',
  stage: 'kernel',
  macs: [],
  firstSeenAt: 0,
  lastSeenAt: 1_700_000_100_000,
};
const BOTH_UP = [A, { ...B, state: 'unknown' }];
const line = (node: { id: string }, rest: object): CtlLine => ({ node: node.id, ...rest }) as CtlLine;
const out = (node: { id: string }, data: string): CtlLine => line(node, { stream: 'stdout', data });
const err = (node: { id: string }, data: string): CtlLine => line(node, { stream: 'stderr', data });
const exit = (node: { id: string }, status: number | null, signal?: string): CtlLine =>
  line(node, { exit: status, ...(signal && { signal }) });

let pxend: FakePxend | undefined;
afterEach(async () => {
  await pxend?.stop();
  pxend = undefined;
});

interface Seen {
  status: number | string;
  out: string;
  err: string;
}

async function ctl(node: string, play: Play, json = false): Promise<Seen> {
  pxend = await fakePxend({ nodes: [A, B], ...play });
  const seen = screen({ root: pxend.root, json });
  const status = await nodeCtl(seen.context, 'uptime', { node, timeout: 5 }).catch((error: unknown) => {
    const { code, message } = asPxenError(error);
    return `${code} ${message}`;
  });
  return { status, out: seen.out, err: seen.err };
}

describe('a command on one node', () => {
  test.each<[string, readonly CtlLine[], Seen]>([
    [
      'passes the output through as it is',
      [out(A, 'no line break'), err(A, 'oops\n'), out(A, '\u001b[1m!\n'), exit(A, 0)],
      { status: 0, out: 'no line break\u001b[1m!\n', err: 'oops\n' },
    ],
    ['ends with the exit status of the command', [exit(A, 42)], { status: 42, out: '', err: '' }],
    [
      'says which signal ended it',
      [out(A, 'x'), exit(A, null, 'SIGKILL')],
      { status: 1, out: 'x', err: 'mesh: rack1-07: the command was ended by SIGKILL\n' },
    ],
    [
      'says why it did not run',
      [
        line(A, {
          error: { code: 'NODE_UNREACHABLE', message: '10.77.0.100 does not answer on SSH', details: [] },
        }),
      ],
      { status: 1, out: '', err: 'mesh: rack1-07: 10.77.0.100 does not answer on SSH\n' },
    ],
  ])('%s', async (_, lines, seen) => {
    expect(await ctl('rack1-07', { lines })).toEqual(seen);
    expect(pxend?.asked).toEqual([{ nodes: ['91d5815f'], command: 'uptime', timeoutSeconds: 5 }]);
  });
});

describe('a command on several nodes', () => {
  test('marks every line with its node; lines of two nodes never mix', async () => {
    const lines = [
      out(A, 'one'),
      out(B, 'uno\ndos\ntr'),
      err(A, 'bad'),
      out(A, ' and\n\ntwo\n'),
      out(B, 'es\n'),
      err(A, ' thing\n'),
      out(A, 'progress 1%\rprogress 2%\n'),
      out(B, 'the end has no line break'),
      exit(A, 0),
      exit(B, 0),
    ];
    expect(await ctl('ALL', { nodes: BOTH_UP, lines })).toEqual({
      status: 0,
      out: [
        '6e6da274: uno\n6e6da274: dos\n',
        'rack1-07: one and\nrack1-07: \nrack1-07: two\n',
        '6e6da274: tres\n',
        'rack1-07: progress 1%\rprogress 2%\n',
        '6e6da274: the end has no line break\n',
      ].join(''),
      err: 'rack1-07: bad thing\n',
    });
    expect(pxend?.asked).toEqual([{ nodes: ['91d5815f', '6e6da274'], command: 'uptime', timeoutSeconds: 5 }]);
  });

  test.each<[string, readonly CtlLine[], Seen]>([
    [
      'fails when one fails, and tells which',
      [exit(A, 0), exit(B, 3)],
      { status: 1, out: '', err: 'mesh: 6e6da274: exit status 3\n' },
    ],
    ['fails when one says nothing of its end', [exit(A, 0)], { status: 1, out: '', err: '' }],
  ])('%s', async (_, lines, seen) => expect(await ctl('rack1-07, 6e6da274', { lines })).toEqual(seen));

  test('a node named twice, by name and by id, is asked once', async () => {
    expect(await ctl('rack1-07,91d5815f', { lines: [out(A, 'x\n'), exit(A, 0)] })).toEqual({
      status: 0,
      out: 'x\n',
      err: '',
    });
    expect(pxend?.asked).toEqual([{ nodes: ['91d5815f'], command: 'uptime', timeoutSeconds: 5 }]);
  });

  test('ALL leaves out silent nodes and names them, and machines that are still booting', async () => {
    const nodes = [A, { ...B, state: 'silent' }, { ...B, id: 'aaaaaaaa' }];
    expect(await ctl('ALL', { nodes, lines: [exit(A, 0)] })).toEqual({
      status: 0,
      out: '',
      err: 'mesh: left out, silent: 6e6da274\n',
    });
    expect(pxend?.asked).toEqual([{ nodes: ['91d5815f'], command: 'uptime', timeoutSeconds: 5 }]);
  });

  test('--json prints what pxend sends, a line each', async () => {
    const lines = [out(A, 'x'), exit(A, 0), exit(B, 1)];
    const { status, out: printed } = await ctl('ALL', { nodes: BOTH_UP, lines }, true);
    expect([
      status,
      printed
        .trim()
        .split('\n')
        .map(text => JSON.parse(text)),
    ]).toEqual([1, lines]);
  });
});

describe('what can go wrong', () => {
  test.each<[string, string, Play, string]>([
    ['an unknown node', 'nobody', {}, 'NOT_FOUND no node nobody; mesh node info lists all'],
    ['a mistyped node', 'rack1-08', {}, 'NOT_FOUND no node rack1-08; did you mean rack1-07?'],
    ['no nodes at all', 'ALL', { nodes: [] }, 'NOT_FOUND no node is up; mesh node info shows what was seen'],
    [
      'pxend refuses',
      'ALL',
      { refuse: new PxenError('NODE_UNREACHABLE', 'nobody is up') },
      'NODE_UNREACHABLE nobody is up',
    ],
    [
      'pxend ends in the middle of a line',
      'ALL',
      { lines: [exit(A, 0), '{"node":"6e6d'], breaks: true },
      'SERVER_DOWN pxend ended before its answer was complete',
    ],
    [
      'pxend sends what is not JSON',
      'ALL',
      { lines: ['<html>\n'] },
      'INTERNAL pxend answered with something that is not JSON: "<html>"',
    ],
    [
      'pxend sends another form',
      'ALL',
      { lines: ['{"node":5}\n'] },
      'INTERNAL pxend answered in an unknown form; are mesh and pxend of the same version?',
    ],
  ])('%s', async (_, node, play, status) => expect((await ctl(node, play)).status).toBe(status));
});

describe('node info', () => {
  const info = async (
    play: Play,
    name?: string,
    options: Parameters<typeof screen>[0] = {},
  ): Promise<Seen> => {
    pxend = await fakePxend(play);
    const seen = screen({ root: pxend.root, ...options });
    const status = await nodeInfo(seen.context, name).catch((error: unknown) => asPxenError(error).message);
    return { status, out: seen.out, err: seen.err };
  };
  const known = {
    ...A,
    address: '10.77.0.100',
    cpus: 4,
    memoryKib: 1_048_576,
    kvm: 'usable',
    trust: 'token',
  };

  test('lists the nodes', async () => {
    expect(await info({ nodes: [known, B] })).toEqual({
      status: 0,
      out: [
        'ID        NAME      STATE    ADDRESS      CPUS  MEMORY   KVM     OVERLAY  SEEN  NOTE\n',
        '91d5815f  rack1-07  up       10.77.0.100  4     1.0 GiB  usable  own      5 s\n',
        '6e6da274  -         booting  -            -     -        -       -        now   last step: kernel\n',
      ].join(''),
      err: '',
    });
  });

  test('says of a stalled node why it does not go on', async () => {
    const diagnosis = { symptom: 'no-nbp', sentence: 'The last step was X: Y.', causes: [], tries: [] };
    const { out: text } = await info({ nodes: [{ ...B, state: 'stalled', diagnosis }] });
    expect(text.trimEnd().split('  ').at(-1)?.trim()).toBe('The last step was X: Y.');
  });

  test('colours the state on a terminal', async () => {
    const { out: text } = await info({ nodes: [known, B] }, undefined, { colours: true });
    expect(text).toContain('rack1-07  \u001b[32mup\u001b[0m       10.77');
    expect(text).toContain('\u001b[33mbooting\u001b[0m');
  });

  test('says what to do while there is none', async () => {
    expect((await info({})).out).toBe(
      'No node has been seen yet: switch a machine on that boots from the network.\n',
    );
  });

  test('--json prints the list, or the one node', async () => {
    expect(JSON.parse((await info({ nodes: [A] }, undefined, { json: true })).out)).toEqual({ nodes: [A] });
    await pxend?.stop();
    const detail = { ...A, agreement: {}, boots: [] };
    expect(JSON.parse((await info({ nodes: [A], detail }, 'rack1-07', { json: true })).out)).toEqual(detail);
  });

  test('shows one node in full', async () => {
    const { out: text } = await info({ nodes: [A], detail: { ...A, agreement: {}, boots: [] } }, '91d5815f');
    expect(text.split('\n')[0]).toBe('node             91d5815f (rack1-07)');
    expect(text).not.toContain('CONSOLE');
  });

  test('with the workloads that are on it', async () => {
    const workloads = [
      { name: 'web', problems: [], node: A.id, nodeName: 'rack1-07', state: 'lost' },
      { name: 'db', problems: [], node: B.id, state: 'lost' },
      { name: 'mail', problems: [], state: 'stopped' },
    ];
    const detail = { ...A, agreement: {}, boots: [] };
    const { out: text } = await info({ nodes: [A], detail, workloads }, '91d5815f');
    expect(text.slice(text.indexOf('NAME'))).toBe(
      [
        'NAME  NODE      STATE  CONSOLE  CPU  MEMORY  SINCE  NOTE\n',
        'web   rack1-07  lost   -        -    -       -      its file is gone\n',
      ].join(''),
    );
  });
});
