import { expect, test } from 'vitest';
import { type Monitor, QmpControl } from '../../../../src/agent/vm/qmp-control.ts';
import { ManualClock } from '../../../fakes/clock.ts';

/** What was asked, and the answers that are still to be given. */
function monitor(): {
  heard: string[];
  answer: (value: unknown) => void;
  refuse: () => void;
  monitor: Monitor;
} {
  const heard: string[] = [];
  const waiting: PromiseWithResolvers<unknown>[] = [];
  return {
    heard,
    answer: value => waiting.shift()?.resolve(value),
    refuse: () => waiting.shift()?.reject(new Error('no')),
    monitor: {
      execute: command => {
        heard.push(command);
        const answer = Promise.withResolvers<unknown>();
        waiting.push(answer);
        return answer.promise;
      },
      closed: Promise.resolve(),
      close: () => heard.push('(closed)'),
    },
  };
}

const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

test('a machine is commanded in the words of QMP', async () => {
  const { answer, heard, monitor: link } = monitor();
  const control = new QmpControl(link, 'QEMU', { pipelining: true, blockStats: true }, new ManualClock());
  const all = Promise.all([
    control.pause(),
    control.resume(),
    control.pressPowerButton(),
    control.quit(),
    control.blockStats(),
    control.look(),
  ]);
  expect(heard).toEqual(['stop', 'cont', 'system_powerdown', 'quit', 'query-blockstats', 'query-status']);
  for (let count = 0; count < 4; count++) answer({});
  answer([{ device: 'vol0' }]);
  answer({ status: 'io-error' });
  expect(await all).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    [{ device: 'vol0' }],
    { state: 'paused', problem: 'QEMU paused the guest: a volume could not be read or written' },
  ]);
  control.close();
  expect(heard.at(-1)).toBe('(closed)');
});

test('an engine that reads one command at a time gets the next one when that is answered, or was refused', async () => {
  const { answer, heard, monitor: link, refuse } = monitor();
  const control = new QmpControl(
    link,
    'StratoVirt',
    { pipelining: false, blockStats: false },
    new ManualClock(),
  );
  const failed = expect(control.pause()).rejects.toThrow('no');
  const looked = control.look();
  const quit = control.quit();
  await settle();
  expect(heard).toEqual(['stop']);
  refuse();
  await failed;
  await settle();
  expect(heard).toEqual(['stop', 'query-status']);
  answer({ status: 'running' });
  expect(await looked).toEqual({ state: 'running' });
  await settle();
  answer({});
  await quit;
  expect(heard).toEqual(['stop', 'query-status', 'quit']);
});

test('an engine that does not count is not asked to', async () => {
  const { heard, monitor: link } = monitor();
  const control = new QmpControl(
    link,
    'StratoVirt',
    { pipelining: false, blockStats: false },
    new ManualClock(),
  );
  expect(await control.blockStats()).toBeUndefined();
  expect(heard).toEqual([]);
});
