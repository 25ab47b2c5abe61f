import { expect, test } from 'vitest';
import { OrderlyTasks } from '../../../../src/service/dhcp/orderly.ts';

/** A task that says when it begins and ends when told to. */
function gated(name: string, log: string[]): { run: () => Promise<void>; end: () => void } {
  let end = (): void => {};
  const gate = new Promise<void>(resolve => {
    end = resolve;
  });
  return {
    run: async () => {
      log.push(`${name} begins`);
      await gate;
      log.push(`${name} ends`);
    },
    end,
  };
}

test('tasks of one key wait for each other, those of another key do not', async () => {
  const log: string[] = [];
  const [first, second, other] = [gated('first', log), gated('second', log), gated('other', log)];
  const tasks = new OrderlyTasks<string>(10);
  tasks.run('a', first.run);
  tasks.run('a', second.run);
  tasks.run('b', other.run);
  expect(log).toEqual(['first begins', 'other begins']);
  second.end();
  other.end();
  first.end();
  await tasks.idle();
  expect(log.filter(line => !line.startsWith('other'))).toEqual([
    'first begins',
    'first ends',
    'second begins',
    'second ends',
  ]);
});

test('what is done at once counts as nothing, and is done in its turn', async () => {
  const log: string[] = [];
  const slow = gated('slow', log);
  const quick = (name: string) => () => void log.push(name);
  const tasks = new OrderlyTasks<string>(2);
  expect(tasks.run('a', quick('first'))).toBe(true);
  tasks.run('a', slow.run);
  tasks.run('a', quick('behind'));
  expect(tasks.run('b', quick('refused'))).toBe(false);
  slow.end();
  await tasks.idle();
  expect(log).toEqual(['first', 'slow begins', 'slow ends', 'behind']);
  expect(tasks.run('b', quick('last'))).toBe(true);
});

test('more tasks than the limit are refused until some have ended', async () => {
  const task = gated('task', []);
  const tasks = new OrderlyTasks<string>(2);
  expect(['a', 'a', 'b'].map(key => tasks.run(key, task.run))).toEqual([true, true, false]);
  task.end();
  await tasks.idle();
  expect(tasks.run('b', task.run)).toBe(true);
});
