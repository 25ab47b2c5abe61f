import { describe, expect, test } from 'vitest';
import type { AgentLine } from '../../../../src/api/agent.ts';
import { runSteps, type Step } from '../../../../src/domain/workload/steps.ts';
import { ManualClock } from '../../../fakes/clock.ts';

const clock = new ManualClock();

function recorded(names: readonly string[], failing?: string): { steps: Step[]; log: string[] } {
  const log: string[] = [];
  const steps = names.map(name => ({
    name,
    run: () => {
      log.push(name);
      clock.advance(5);
      if (name === failing) throw new Error(`${name} is broken`);
      return name === 'silent' ? undefined : `did ${name}`;
    },
    undo: () => {
      log.push(`undo ${name}`);
      if (name === 'folder') throw new Error('it is stuck');
    },
  }));
  return { steps, log };
}

const run = async (steps: readonly Step[], signal?: AbortSignal) => {
  const lines: AgentLine[] = [];
  const said: string[] = [];
  const ports = {
    clock,
    tell: (line: AgentLine) => lines.push(line),
    say: (line: string) => said.push(line),
    signal,
  };
  const failure = await runSteps(steps, ports).then(
    () => undefined,
    (thrown: Error) => thrown.message,
  );
  return { lines, said, failure };
};

describe('steps', () => {
  test('are told one by one with their times, those that had nothing to do are not', async () => {
    const { log, steps } = recorded(['folder', 'silent', 'spawn']);
    expect(await run(steps)).toEqual({
      lines: [
        { step: 'folder', text: 'did folder', milliseconds: 5 },
        { step: 'spawn', text: 'did spawn', milliseconds: 5 },
      ],
      said: [],
      failure: undefined,
    });
    expect(log).toEqual(['folder', 'silent', 'spawn']);
  });

  test('are taken back in reverse order, the failed one too; what goes wrong in that hides nothing', async () => {
    const { log, steps } = recorded(['check', 'folder', 'taps', 'spawn'], 'taps');
    const { failure, said } = await run(steps);
    expect(failure).toBe('taps is broken');
    expect(log).toEqual(['check', 'folder', 'taps', 'undo taps', 'undo folder', 'undo check']);
    expect(said).toEqual(['cannot take back the step folder: it is stuck']);
  });

  test('stop between two when they are called off', async () => {
    const calledOff = new AbortController();
    const { log, steps } = recorded(['check', 'taps']);
    const first = { ...steps[0], name: 'check', run: () => void calledOff.abort(new Error('called off')) };
    expect((await run([first, ...steps.slice(1)], calledOff.signal)).failure).toBe('called off');
    expect(log).toEqual(['undo check']);
  });

  test('that fail because they are called off fail with the reason of that', async () => {
    const calledOff = new AbortController();
    const fetch = () => {
      calledOff.abort(new Error('called off'));
      throw new Error('the connection broke off');
    };
    expect((await run([{ name: 'fetch', run: fetch }], calledOff.signal)).failure).toBe('called off');
  });
});
