import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { agentRunSchema } from '../../../../src/api/agent.ts';
import { asPxenError } from '../../../../src/base/error.ts';
import type { Host } from '../../../../src/domain/workload/host.ts';
import { AgentClient } from '../../../../src/service/workload/agent.ts';
import { ManualClock } from '../../../fakes/clock.ts';
import { ALPHA_HOST, BETA_HOST, fileOf, recordOf, statusOf } from '../../../fakes/host-workloads.ts';
import { type Play, RawLinks } from '../../../fakes/raw-links.ts';
import { settled, short, TestAppliance } from './appliance.ts';

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n';
const DONE = `${JSON.stringify({ done: { status: statusOf('web') } })}\n`;
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n';
const REFUSAL = 'HTTP/1.1 500 X\r\nContent-Length: 4\r\nConnection: keep-alive\r\n\r\nnull';
const RUN = agentRunSchema.parse({ verb: 'start', uuid: 'u' });

const says =
  (text: string): Play =>
  socket =>
    void socket.write(text);

/** Never more than is taken, and never an end. */
const pours =
  (head: string): Play =>
  async socket => {
    socket.write(head);
    const more = Buffer.alloc(65_536, 'x');
    while (!socket.destroyed) {
      if (socket.writableLength < 4 * more.length) socket.write(more);
      await turn();
    }
  };

const UNKNOWN = 'INTERNAL the agent of rack1-01 (91d5815f) answered in an unknown form';
const SILENT = 'TIMEOUT the agent of rack1-01 (91d5815f) said nothing for 320 s';
const ENDED = 'AGENT_DOWN the agent of rack1-01 (91d5815f) ended before its answer was complete: ';

/** What it does, and what becomes of a command, of output that is wanted, and of a console; `gone`: ends with its caller. */
const PLAYS: readonly (readonly [string, Play, run: string, output: string, console: string])[] = [
  ['says nothing', () => {}, SILENT, 'gone', 'gone'],
  ['says 100 again and again', says('HTTP/1.1 100 Continue\r\n\r\n'.repeat(9)), SILENT, 'gone', 'gone'],
  [
    'hangs up',
    socket => void socket.end(),
    `${ENDED}socket hang up`,
    `${ENDED}socket hang up`,
    `${ENDED}socket hang up`,
  ],
  ['says half a line', says(`${HEAD}{"step":"x`), SILENT, 'text', 'gone'],
  ['says half a line and hangs up', socket => void socket.end(`${HEAD}{"step":"x`), UNKNOWN, 'text', UNKNOWN],
  ['says lines that are no JSON', says(`${HEAD}{]\n`), UNKNOWN, 'text', 'gone'],
  ['refuses in an unknown form and stays', says(REFUSAL), UNKNOWN, UNKNOWN, UNKNOWN],
  ['refuses half and stays', says(REFUSAL.slice(0, -1)), SILENT, 'gone', 'gone'],
  ['refuses without end', pours('HTTP/1.1 500 X\r\n\r\n'), UNKNOWN, UNKNOWN, UNKNOWN],
  ['changes the protocol and stays', says(SWITCH), UNKNOWN, UNKNOWN, 'socket'],
  ['says that it is done and stays', says(`${HEAD}${DONE}`), 'done', 'text', 'gone'],
  ['says that it is done and goes on', pours(`${HEAD}${DONE}`), 'done', 'text', UNKNOWN],
  ['says a line without end', pours(HEAD), `${ENDED}a line of it is too long`, 'text', UNKNOWN],
];

/** What a request came to, in one short text. */
type Outcome = { text: string };

function follow(work: Promise<string>): Outcome {
  const outcome = { text: 'gone' };
  work.then(
    text => {
      outcome.text = text;
    },
    thrown => {
      const { code, message } = asPxenError(thrown);
      outcome.text = `${code} ${message}`;
    },
  );
  return outcome;
}

describe.each(PLAYS)('a node that %s', (_, play, run, output, console) => {
  const clock = new ManualClock();
  let links = new RawLinks(play);
  let gone = new AbortController();
  let agents = new AgentClient({ links, clock });

  beforeEach(() => {
    links = new RawLinks(play);
    gone = new AbortController();
    agents = new AgentClient({ links, clock });
  });

  /** Until it has an outcome, or is sure to have none. */
  async function over(outcome: Outcome): Promise<string> {
    for (let look = 0; look < 500 && outcome.text === 'gone'; look++) await turn();
    clock.advance(320_000);
    await settled();
    return outcome.text;
  }

  test('and a command', async () => {
    const work = agents
      .run(ALPHA_HOST, RUN, () => {}, gone.signal)
      .then(answer => {
        if ('done' in answer) return 'done';
        throw 'refused' in answer ? answer.refused : answer.unsent;
      });
    expect(await over(follow(work))).toBe(run);
    expect([links.links.size, clock.waiting]).toEqual([0, 0]);
  });

  test('and somebody who wants output', async () => {
    const work = agents.output(ALPHA_HOST, 'u', { of: 'log', lines: 5, follow: true }, gone.signal);
    work.then(
      text => text.on('error', () => {}),
      () => {},
    );
    expect(await over(follow(work.then(() => 'text')))).toBe(output);
    gone.abort();
    await settled();
    expect([links.links.size, clock.waiting]).toEqual([0, 0]);
  });

  test('and somebody who wants a console', async () => {
    const work = agents.console(ALPHA_HOST, 'u', gone.signal);
    expect(await over(follow(work.then(() => 'socket')))).toBe(console);
    gone.abort();
    if (console === 'socket') (await work).destroy();
    await settled();
    expect([links.links.size, clock.waiting]).toEqual([0, 0]);
  });
});

test('a thousand commands to nodes that misbehave leave nothing behind', async () => {
  const clock = new ManualClock();
  const nodes = Array.from(
    { length: 1000 },
    (_, at) => new RawLinks(PLAYS[at % PLAYS.length]?.[1] ?? says('')),
  );
  const commands = nodes.map(links =>
    new AgentClient({ links, clock })
      .run(ALPHA_HOST, RUN, () => {}, new AbortController().signal)
      .catch(() => undefined),
  );
  for (let look = 0; look < 200; look++) await turn();
  clock.advance(320_000);
  await Promise.all(commands);
  await settled();
  expect([nodes.reduce((sum, { links }) => sum + links.size, 0), clock.waiting]).toEqual([0, 0]);
});

test('what a node says of a failure is cut to what a list can hold', async () => {
  const here = new TestAppliance();
  here.agents.script = async function* () {
    yield { error: { code: 'WORKLOAD_FAILED', message: 'm'.repeat(500_000), details: ['d'.repeat(5000)] } };
  };
  const [line] = await here.run('start', ['web'], { node: ALPHA_HOST.id });
  expect(line).toMatchObject({
    error: { code: 'WORKLOAD_FAILED', message: 'm'.repeat(1000), details: ['d'.repeat(1000)] },
  });
  expect((await here.view('web')).problem).toHaveLength(1000 + 'its last start failed: '.length);
});

/** Beta says that it has what it has not. */
function lying(...claims: Parameters<typeof statusOf>[]): Host {
  return { ...BETA_HOST, workloads: claims.map(claim => statusOf(...claim)) };
}

describe('a node that lies about what runs on it', () => {
  test('does not keep a workload from starting by taking its name', async () => {
    const here = new TestAppliance({ hosts: [ALPHA_HOST, lying(['web', { uuid: 'x' }])] });
    expect(short(await here.run('start', ['web'], { node: ALPHA_HOST.id })).at(-1)).toBe(
      'web@91d5815f: done running',
    );
  });

  test('gets nothing that is meant for a workload of that name', async () => {
    const here = new TestAppliance({ hosts: [ALPHA_HOST, lying(['web', { uuid: 'x' }])] });
    await here.run('start', ['web'], { node: ALPHA_HOST.id });
    here.change(ALPHA_HOST.id, { state: 'silent' });
    await here.run('stop', ['web']);
    expect(here.agents.received).toEqual(['start web@91d5815f', 'stop web@91d5815f']);
  });

  test('does not get the stop, nor the visitors, of a workload that comes back to its own node', async () => {
    const here = new TestAppliance({ hosts: [ALPHA_HOST, lying(['web'])] });
    here.store.saved.set('uuid-web', JSON.stringify(recordOf('web')));
    here.restart();
    here.agents.script = async function* (run, at, caller) {
      if (run.verb !== 'start') return yield* here.agents.obey(run, at);
      await new Promise(resolve => caller.addEventListener('abort', resolve));
    };
    here.reboot(ALPHA_HOST.id, 'boot-2');
    await settled();
    (await here.workloads.console('web', new AbortController().signal)).destroy();
    await here.run('stop', ['web']);
    expect(here.agents.received).toEqual([
      'start web@91d5815f',
      'console /v1/workloads/uuid-web/console',
      'stop web@91d5815f',
    ]);
    expect(here.agents.opened.map(({ node }) => node)).toEqual(Array(3).fill('rack1-01 (91d5815f)'));
    expect(here.store.get('uuid-web')?.desired).toBe('stopped');
  });

  test('does not get what is meant for a workload whose file lost its uuid', async () => {
    const here = new TestAppliance({ hosts: [lying(['web', { uuid: 'x' }]), ALPHA_HOST] });
    await here.run('start', ['web'], { node: ALPHA_HOST.id });
    here.files.files = [fileOf('web', 'name=web\n')];
    await here.run('stop', ['web']);
    expect(here.agents.received).toEqual(['start web@91d5815f', 'stop web@91d5815f']);
  });

  test('does not rename what host0 started', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], { node: ALPHA_HOST.id });
    here.files.files = [];
    here.agents.machines.set(ALPHA_HOST.id, new Map([['uuid-web', statusOf('web', { name: 'db' })]]));
    here.report(ALPHA_HOST.id);
    expect((await here.workloads.list()).map(({ name }) => name)).toEqual(['web']);
  });

  test('is named where it keeps one from starting, so that no other one is stopped for it', async () => {
    const here = new TestAppliance({ hosts: [ALPHA_HOST, lying(['web'])] });
    expect(short(await here.run('start', ['web'], { node: ALPHA_HOST.id }))).toEqual([
      'web@91d5815f: web runs already on 6e6da274 | ' +
        'stop it there first: mesh workload stop -w web -n 6e6da274 | host0 did not start it there; if that ' +
        'cannot be, its word counts no more once it is disabled: mesh host set-state 6e6da274 disabled (WORKLOAD_STATE)',
    ]);
  });

  test('keeps nothing from starting any more once its host is disabled', async () => {
    const here = new TestAppliance({ hosts: [ALPHA_HOST, lying(['web'])] });
    await here.placement.changeHost(BETA_HOST.id, { expect: 'known', state: 'disabled' });
    expect(short(await here.run('start', ['web'])).at(-1)).toBe('web@91d5815f: done running');
  });

  test('and really has it keeps it also when its host is disabled, where host0 started it there', async () => {
    const here = new TestAppliance();
    await here.run('start', ['web'], { node: BETA_HOST.id });
    here.report(BETA_HOST.id);
    await here.placement.changeHost(BETA_HOST.id, { expect: 'known', state: 'disabled' });
    expect(short(await here.run('start', ['web'], { node: ALPHA_HOST.id }))).toEqual([
      'web@91d5815f: web runs already on 6e6da274 | ' +
        'stop it there first: mesh workload stop -w web -n 6e6da274 (WORKLOAD_STATE)',
    ]);
  });

  test('has each workload once, however often it says so', async () => {
    const here = new TestAppliance({
      files: [fileOf('web')],
      hosts: [lying(...Array.from({ length: 256 }, (): [string] => ['web']))],
    });
    expect(await here.state('web')).toBe('running');
    expect(here.workloads.statuses()).toHaveLength(1);
  });
});
