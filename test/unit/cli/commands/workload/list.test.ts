import { afterEach, describe, expect, test } from 'vitest';
import type { WorkloadView } from '../../../../../src/api/workloads.ts';
import { asPxenError } from '../../../../../src/base/error.ts';
import { type ListOptions, workloadList } from '../../../../../src/cli/commands/workload/list.ts';
import { type FakePxend, fakePxend } from '../../pxend.ts';
import { screen } from '../../screen.ts';
import { NODES, NOW, ROSE, running, view } from './views.ts';

let pxend: FakePxend | undefined;
afterEach(async () => {
  await pxend?.stop();
  pxend = undefined;
});

async function list(
  workloads: readonly WorkloadView[],
  options: Partial<ListOptions> = {},
  around: Parameters<typeof screen>[0] = {},
) {
  pxend = await fakePxend({ nodes: NODES, workloads });
  const seen = screen({ root: pxend.root, ...around });
  const status = await workloadList(seen.context, { workloads: [], names: false, ...options }).catch(
    (thrown: unknown) => asPxenError(thrown).message,
  );
  return { status, out: seen.out, err: seen.err };
}

const usage = { cpuSeconds: 34.5, cpuPercent: 11.6, memoryBytes: 512 * 1024 * 1024 };
const end = { reason: 'the guest shut down', exitCode: 0, output: '' };
const problem: WorkloadView['problems'][number] = {
  file: 'f',
  key: 'uuid',
  code: 'MISSING_KEY',
  expected: 'a word',
  message: 'f: uuid: is missing, expected a word',
};

describe('mesh workload list', () => {
  test('is a table with every state', async () => {
    const shown = [
      running('web', { usage }),
      running('desk', { console: { type: 'vnc', port: 5905 }, state: 'paused' }, { changed: true }),
      running('box', { console: { type: 'serial-socket', path: '/s' }, problem: 'its tap is gone' }),
      running('job', { state: 'ended', end }),
      running('far', { usage }, { state: 'lost', reportedAt: NOW - 600_000 }),
      running('back', {}, { state: 'returning', node: ROSE.id, nodeName: 'rose' }),
      running('orphan', {}, { file: undefined }),
      view('new'),
      view('bad', { problems: [problem, problem] }),
      view('far2', { state: 'lost', node: '11111111' as never, problem: 'host0 knows nothing of its node' }),
    ];
    expect(await list(shown)).toEqual({
      status: 0,
      out: [
        'NAME    NODE      STATE      CONSOLE      CPU   MEMORY   SINCE   NOTE\n',
        'web     tulip     running    serial 7900  12 %  512 MiB  3 min\n',
        'desk    tulip     paused     vnc 5905     -     -        3 min   its file was changed after the start\n',
        'box     tulip     running    socket       -     -        3 min   its tap is gone\n',
        'job     tulip     ended      -            -     -        3 min   the guest shut down\n',
        'far     tulip     lost       -            -     -        10 min\n',
        'back    rose      returning  -            -     -        -\n',
        'orphan  tulip     running    serial 7900  -     -        3 min   its file is gone\n',
        'new     -         stopped    -            -     -        -\n',
        'bad     -         stopped    -            -     -        -       2 problems in its file: mesh workload validate /var/pxen/monoliths/bad.conf\n',
        'far2    11111111  lost       -            -     -        -       host0 knows nothing of its node\n',
      ].join(''),
      err: '',
    });
  });

  test('colours the states on a terminal, and nothing that looks like one', async () => {
    const { out } = await list([running('running', { state: 'ended', end })], {}, { colours: true });
    expect(out.split('\n')[1]).toBe(
      'running  tulip  \u001b[31mended\u001b[0m  -        -    -       3 min  the guest shut down',
    );
  });

  test.each<[string, Partial<ListOptions>, string[]]>([
    ['those on a node, by its name', { node: 'rose' }, ['b']],
    ['by its id', { node: '6e6da274' }, ['b']],
    ['by one of its cards', { node: '52:54:00:77:00:02' }, ['b']],
    ['those that a pattern fits', { workloads: ['?'] }, ['a', 'b', 'c']],
    ['both', { workloads: ['a,c'], node: 'tulip' }, ['a']],
  ])('shows only %s', async (_, options, names) => {
    const known = [running('a'), running('b', {}, { node: ROSE.id, nodeName: 'rose' }), view('c')];
    const { out } = await list(known, { ...options, names: true });
    expect(out).toBe(names.map(name => `${name}\n`).join(''));
  });

  test('--json prints what pxend sends', async () => {
    const known = [running('a', { usage }), view('c', { problems: [problem] })];
    expect(JSON.parse((await list(known, {}, { json: true })).out)).toEqual({ workloads: known });
    await pxend?.stop();
    expect(JSON.parse((await list(known, { workloads: ['c'] }, { json: true })).out)).toEqual({
      workloads: [known[1]],
    });
  });

  test('says what to do while there is none', async () => {
    expect(await list([])).toEqual({
      status: 0,
      out: 'There is no workload yet: put NAME.conf into /var/pxen/monoliths.\n',
      err: '',
    });
  });

  test('says when none is on a node, and knows its nodes', async () => {
    expect((await list([view('c')], { node: 'rose' })).out).toBe('No workload is on rose.\n');
    await pxend?.stop();
    expect((await list([view('c')], { node: 'rise' })).status).toBe('no node rise; did you mean rose?');
  });

  test('a name cannot steer the terminal', async () => {
    const { out } = await list([view('a\u001b[2J')]);
    expect(out.split('\n')[1]?.slice(0, 6)).toBe('a?[2J ');
  });
});
