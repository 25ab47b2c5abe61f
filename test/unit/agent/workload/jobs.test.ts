import { beforeEach, describe, expect, test } from 'vitest';
import { Jobs } from '../../../../src/agent/workload/jobs.ts';
import type { Verb } from '../../../../src/api/agent.ts';
import type { PxenError } from '../../../../src/base/error.ts';
import { ManualClock } from '../../../fakes/clock.ts';

let clock: ManualClock;
let jobs: Jobs;

beforeEach(() => {
  clock = new ManualClock();
  jobs = new Jobs(clock);
});

/** A job that ends when it is told to, or with the reason why it was called off. */
function job(uuid: string, verb: Verb): { outcome: Promise<string>; finish: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const outcome = jobs
    .run(uuid, verb, async (signal, calledOff) => {
      await Promise.race([promise, new Promise(end => signal.addEventListener('abort', end))]);
      signal.throwIfAborted();
      return calledOff ? 'done after calling off' : 'done';
    })
    .catch((error: PxenError) => `${error.code}: ${error.message}`);
  return { outcome, finish: resolve };
}

const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

describe('commands for one workload', () => {
  test.each<[Verb, Verb]>([
    ['start', 'start'],
    ['start', 'pause'],
    ['download', 'start'],
    ['start', 'download'],
    ['stop', 'stop'],
    ['stop', 'start'],
    ['soft-stop', 'stop'],
    ['pause', 'resume'],
  ])('while %s is at work %s is refused', async (first, second) => {
    const one = job('w', first);
    clock.advance(3200);
    expect(await job('w', second).outcome).toBe(
      `WORKLOAD_BUSY: w: cannot ${second}: another command is at work on it (${first}, for 3 s now)`,
    );
    one.finish();
    expect(await one.outcome).toBe('done');
  });

  test('do not keep those of another one waiting, nor the next one', async () => {
    const one = job('w', 'start');
    const other = job('v', 'start');
    other.finish();
    expect(await other.outcome).toBe('done');
    one.finish();
    await one.outcome;
    const next = job('w', 'pause');
    next.finish();
    expect(await next.outcome).toBe('done');
  });

  test('downloads go side by side', async () => {
    const both = [job('w', 'download'), job('w', 'download')];
    for (const { finish } of both) finish();
    expect(await Promise.all(both.map(({ outcome }) => outcome))).toEqual(['done', 'done']);
  });

  test.each<Verb>(['download', 'start', 'restart'])(
    'a stop calls off a %s, and nobody comes in between',
    async verb => {
      const one = job('w', verb);
      const stop = job('w', 'stop');
      expect(await job('w', 'start').outcome).toMatch(/^WORKLOAD_BUSY/);
      expect(await one.outcome).toBe('WORKLOAD_STATE: called off: the workload was stopped meanwhile');
      stop.finish();
      expect(await stop.outcome).toBe('done after calling off');
    },
  );

  test('an agent that ends calls off what fetches files, and lets a stop go on', async () => {
    const [start, stop] = [job('w', 'start'), job('v', 'stop')];
    await jobs.stop();
    expect(await start.outcome).toBe(
      'SERVER_DOWN: the agent of the node is ending; try again when it is back',
    );
    stop.finish();
    await settle();
    expect(await stop.outcome).toBe('done');
  });
});
